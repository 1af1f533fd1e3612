"""Reads float32 samples, writes librosa's STFT magnitude and then log(magnitude + 1e-7), both as float64.

Arguments: samples, output, n_fft, hop.
"""

import sys

import librosa
import numpy as np

samples = np.fromfile(sys.argv[1], dtype="<f4").astype(np.float64)
n_fft, hop = int(sys.argv[3]), int(sys.argv[4])
magnitude = np.abs(librosa.stft(samples, n_fft=n_fft, hop_length=hop))
np.stack([magnitude, np.log(magnitude + 1e-7)]).astype("<f8").tofile(sys.argv[2])
