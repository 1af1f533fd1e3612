"""Writes fbank.json: filter banks of a made-up sound by kaldi-native-fbank, Kaldi's own code as a library.

Not run by the tests: `pip install kaldi-native-fbank==1.23.0 numpy`, then `python make_fbank.py`. Its results are float32.
"""

import json
from pathlib import Path

import kaldi_native_fbank as knf
import numpy as np

CASES = [
    {"sampleRateHz": 16000, "samples": 1600, "bins": 23, "window": "povey", "minHz": 20, "maxHz": 8000},
    {"sampleRateHz": 22050, "samples": 2205, "bins": 128, "window": "hanning", "minHz": 20, "maxHz": 11025},
    {"sampleRateHz": 16000, "samples": 1200, "bins": 40, "window": "hamming", "minHz": 60, "maxHz": 7000},
]


def sound(count: int) -> np.ndarray:
    """A rising tone and noise of a linear congruential generator (Numerical Recipes), as float32."""
    state, noise = 1, []
    for _ in range(count):
        state = (1664525 * state + 1013904223) % 2**32
        noise.append(state / 2**32 - 0.5)
    i = np.arange(count, dtype=np.float64)
    return (0.5 * np.sin(0.05 * i + 1e-5 * i * i) + 0.1 * np.array(noise)).astype(np.float32)


def fbank(case: dict) -> list:
    options = knf.FbankOptions()
    options.frame_opts.samp_freq = case["sampleRateHz"]
    options.frame_opts.dither = 0
    options.frame_opts.window_type = case["window"]
    options.frame_opts.snip_edges = True
    options.mel_opts.num_bins = case["bins"]
    options.mel_opts.low_freq = case["minHz"]
    options.mel_opts.high_freq = case["maxHz"]
    options.use_energy = False
    computer = knf.OnlineFbank(options)
    computer.accept_waveform(case["sampleRateHz"], sound(case["samples"]).tolist())
    computer.input_finished()
    frames = [computer.get_frame(t) for t in range(computer.num_frames_ready)]
    return [[round(float(value), 5) for value in frame] for frame in frames]


cases = [{**case, "frames": fbank(case)} for case in CASES]
Path(__file__).with_name("fbank.json").write_text(json.dumps(cases) + "\n")
