"""Reads float32 samples, writes librosa's STFT magnitude as float64: n_fft and hop as arguments."""

import sys

import librosa
import numpy as np

samples = np.fromfile(sys.argv[1], dtype="<f4").astype(np.float64)
n_fft, hop = int(sys.argv[3]), int(sys.argv[4])
magnitude = np.abs(librosa.stft(samples, n_fft=n_fft, hop_length=hop))
magnitude.astype("<f8").tofile(sys.argv[2])
