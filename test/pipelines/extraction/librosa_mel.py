"""Reads float32 samples, writes ln(librosa's mel spectrogram + 1e-7) as float64.

Arguments: samples, output, sample rate, n_fft, hop, mel bins, lowest and highest frequency.
"""

import sys

import librosa
import numpy as np

samples = np.fromfile(sys.argv[1], dtype="<f4").astype(np.float64)
rate, n_fft, hop, bins = (int(text) for text in sys.argv[3:7])
low, high = (float(text) for text in sys.argv[7:9])
mel = librosa.feature.melspectrogram(
    y=samples, sr=rate, n_fft=n_fft, hop_length=hop, n_mels=bins, fmin=low, fmax=high, dtype=np.float64
)
np.log(mel + 1e-7).astype("<f8").tofile(sys.argv[2])
