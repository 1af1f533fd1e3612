"""Golden values of a whole picture resized to a square, from OpenCV and Pillow.

    python -m venv venv && venv/bin/pip install numpy opencv-python-headless pillow
    venv/bin/python make_whole_view.py > whole-view.json

`bilinear` is OpenCV's INTER_LINEAR on floats: between the centres of two pixels each way, edges repeated, as
torch's interpolate(align_corners=False, antialias=False). `averaged` is Pillow's BILINEAR, which torchvision's Resize
uses on pictures: it averages over a wider triangle when a picture shrinks.
"""
import json

import cv2
import numpy as np
from PIL import Image


def picture(height, width):
    y, x = np.mgrid[0:height, 0:width]
    return ((37 * y + 23 * x + 5 * x * y + 11 * (x * x % 7)) % 256).astype(np.uint8)


def smooth(height, width):
    y, x = np.mgrid[0:height, 0:width]
    return (127.5 + 80 * np.sin(y / 19) * np.cos(x / 23) + 40 * np.sin((x + y) / 11)).astype(np.uint8)


def case(values, side):
    floats = values.astype(np.float32)
    return {
        "height": values.shape[0],
        "width": values.shape[1],
        "side": side,
        "data": values.ravel().tolist(),
        "bilinear": cv2.resize(floats, (side, side), interpolation=cv2.INTER_LINEAR).ravel().astype(float).round(4).tolist(),
        "averaged": np.asarray(Image.fromarray(floats, mode="F").resize((side, side), Image.BILINEAR)).ravel().astype(float).round(4).tolist(),
    }


print(json.dumps([case(picture(9, 12), 7), case(picture(4, 5), 8), case(smooth(48, 64), 42)], separators=(",", ":")))
