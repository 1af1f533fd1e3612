"""Golden values of what is done to training clips.

    python -m venv venv && venv/bin/pip install numpy scipy pillow
    venv/bin/python make_augment.py > augment.json

Masks: torchaudio's functional.mask_along_axis, written out with the uniform numbers given. Colours: torchvision's
functional adjust_brightness, adjust_contrast, adjust_saturation on float tensors in NumPy, hue by Python's colorsys, and
Pillow's ImageEnhance, which rounds to bytes. Noise: a tone in white noise by SciPy's STFT, and its Rice distribution.
"""
import colorsys
import json
import math

import numpy as np
from PIL import Image, ImageEnhance
from scipy.signal import stft
from scipy.stats import rice


def mask_along_axis(size, mask_param, p, uniforms):
    if p < 1:
        mask_param = min(mask_param, int(size * p))
    if mask_param < 1:
        return [0, 0]
    value = uniforms[0] * mask_param
    min_value = uniforms[1] * (size - value)
    start = int(min_value)
    return [start, start + int(value) - start]


masks = [
    {"size": size, "largest": param, "share": p, "uniforms": [a, b], "band": mask_along_axis(size, param, p, [a, b])}
    for size, param, p in [(257, 27, 1), (188, 100, 1), (188, 100, 0.2), (20, 19, 0.05), (10, 3, 0.05)]
    for a, b in [(0, 0), (0.37, 0.81), (0.999, 0.999), (0.5, 0.123)]
]

rng = np.random.default_rng(5)
H, W = 6, 7
picture = rng.integers(0, 256, (H, W, 3)).astype(np.uint8)
picture[0, 0] = [128, 128, 128]
picture[0, 1] = [0, 0, 0]
picture[0, 2] = [255, 255, 255]
img = picture.astype(np.float64) / 255
grey = lambda x: x @ np.array([0.2989, 0.587, 0.114])
blend = lambda a, b, ratio: np.clip(ratio * a + (1 - ratio) * b, 0, 1)
CHANGES = {
    "brightness": lambda x, f: blend(x, np.zeros_like(x), f),
    "contrast": lambda x, f: blend(x, grey(x).mean(), f),
    "saturation": lambda x, f: blend(x, grey(x)[..., None], f),
    "hue": lambda x, f: np.array([[colorsys.hsv_to_rgb((h + f) % 1, s, v) for h, s, v in [colorsys.rgb_to_hsv(*q) for q in row]] for row in x]),
}
ENHANCE = {"brightness": ImageEnhance.Brightness, "contrast": ImageEnhance.Contrast, "saturation": ImageEnhance.Color}
colours = []
for kind, factor in [("brightness", 0.6), ("brightness", 1.7), ("contrast", 0.5), ("contrast", 1.9), ("saturation", 0.0), ("saturation", 1.8), ("hue", 0.1), ("hue", -0.45), ("hue", 0.5)]:
    case = {"changes": [{"kind": kind, "factor": factor}], "expected": (255 * CHANGES[kind](img, factor)).ravel().round(5).tolist()}
    if kind in ENHANCE:
        case["pillow"] = np.asarray(ENHANCE[kind](Image.fromarray(picture)).enhance(factor)).ravel().tolist()
    colours.append(case)
several = [("hue", 0.2), ("contrast", 1.4), ("brightness", 0.8), ("saturation", 0.3)]
x = img
for kind, factor in several:
    x = CHANGES[kind](x, factor)
colours.append({"changes": [{"kind": k, "factor": f} for k, f in several], "expected": (255 * x).ravel().round(5).tolist()})

# A tone of amplitude 1 in the middle of bin 20, noise 6 dB below it; mean of the log of each bin.
N, SNR = 256, 6.0
samples = 400 * 20000 // 8
tone = np.cos(2 * np.pi * 20 / N * np.arange(samples))
noise = rng.normal(size=samples) * math.sqrt(0.5 / 10 ** (SNR / 10))
spectrum = lambda wave: np.abs(stft(wave, nperseg=N, noverlap=0, boundary=None, padded=False, scaling="psd")[2])
clean, noisy = spectrum(tone), spectrum(tone + noise)
bins = [10, 18, 19, 20, 21, 60]
amplitudes = clean.mean(1)
snr_scale = math.sqrt((clean**2).mean() / 10 ** (SNR / 10))
sound = {
    "snrDb": SNR,
    "amplitudes": amplitudes.tolist(),
    "bins": bins,
    "meanLogs": [float(np.log(noisy[b]).mean()) for b in bins],
    "rice": [
        {"level": v, "quantiles": rice.ppf([0.05, 0.25, 0.5, 0.75, 0.95], v / (1 / math.sqrt(2)), scale=1 / math.sqrt(2)).tolist()}
        for v in [0, 0.5, 2]
    ],
}
print(json.dumps({"masks": masks, "height": H, "width": W, "picture": picture.ravel().tolist(), "colours": colours, "sound": sound}, separators=(",", ":")))
