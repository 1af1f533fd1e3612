"""Writes npy.json: .npy files as NumPy writes them, in base64, with what is in them or what they are instead.

Not run by the tests: `pip install numpy==2.4.6`, then `python make_npy.py`.
"""

import base64
import io
import json
import pickle
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

STEPS = (np.arange(12).reshape(3, 4) - 5) / np.float32(4)
HALVES = np.array([0.1, -2.5, 65504, 6e-8, 2**-14, -0.0], dtype="<f2")
FILES = {
    "float32 [4]": np.array([0.1, -1.5, 3e38, 1e-40], dtype="<f4"),
    "float32 [3, 4]": STEPS.astype("<f4"),
    "float16 [6]": HALVES,
    "float64 [3, 4]": STEPS.astype("<f8") / 3,
    "float32 [1, 4]": np.ones((1, 4), dtype="<f4"),
}
REFUSED = {
    "is of type <i8": np.arange(4),
    "is of type >f4": np.arange(4, dtype=">f4"),
    "is of type <c8": np.arange(4, dtype="<c8"),
    "is of type |b1": np.array([True, False]),
    "is of type <U3": np.array(["dog"]),
    "is in Fortran order": np.asfortranarray(STEPS.astype("<f4")),
    "holds Python objects": np.array([{"a": 1}], dtype=object),
    "holds records": np.zeros(2, dtype=[("a", "<f4"), ("b", "<i4")]),
}


def saved(array, version=None):
    file = io.BytesIO()
    npy.write_array(file, array, version=version, allow_pickle=True)
    return file.getvalue()


def text(data):
    return base64.b64encode(data).decode()


def zipped(array):
    file = io.BytesIO()
    np.savez(file, a=array)
    return file.getvalue()


def answer(array):
    """float32 as text that gives the very bits back."""
    return [repr(float(value)) for value in array.astype("<f4").ravel()]


read = [
    {"title": title, "file": text(saved(array)), "shape": list(array.shape), "values": answer(array)}
    for title, array in FILES.items()
]
for version in [(2, 0), (3, 0)]:
    array = FILES["float32 [3, 4]"]
    title = f"format {version[0]}.{version[1]}"
    read.append({"title": title, "file": text(saved(array, version)), "shape": [3, 4], "values": answer(array)})
refused = [{"problem": problem, "file": text(saved(array))} for problem, array in REFUSED.items()]
refused += [
    {"problem": "is an .npz archive", "file": text(zipped(STEPS))},
    {"problem": "is a Python pickle", "file": text(pickle.dumps([1.0, 2.0]))},
]
Path(__file__).with_name("npy.json").write_text(json.dumps({"read": read, "refused": refused}, indent=1) + "\n")
