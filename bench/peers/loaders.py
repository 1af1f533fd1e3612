"""Loaders of the Python field on given rows: python loaders.py SITE_PACKAGES FOLDER ROWS AUDIO_SHAPE RGB_SHAPE

FOLDER holds audio.bin (float32) and rgb.bin (uint8), row after row; the peers' own formats are written beside them. Then
answers {"loader", "workers", "augment", "passes", "epochs"} with {"samplesPerS", "setting"}: the best of the settings
that were tried at first. An epoch is so many passes over the rows: long enough that the batches which lie ready when
its clock starts are no matter. Every page of a row is read by who decodes it; nothing is handed on, which is to the
loaders' advantage.
"""
import importlib.abc
import importlib.machinery
import json
import math
import os
import sys
import time
import types

sys.path.insert(0, sys.argv[1])
FOLDER, ROWS = sys.argv[2], int(sys.argv[3])
AUDIO, RGB = json.loads(sys.argv[4]), json.loads(sys.argv[5])
CROP = 224
PAGE = 4096


class StandIn(types.ModuleType):
    """Streaming imports these for datasets and tokenizers that are not used here."""

    __path__ = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


class StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        ours = name.split(".")[0] in ("torchvision", "transformers")
        return importlib.machinery.ModuleSpec(name, self) if ours else None

    def create_module(self, spec):
        return StandIn(spec.name)

    def exec_module(self, module):
        pass


sys.meta_path.insert(0, StandIns())

import numpy as np
import streaming
import torch
import webdataset
from streaming import MDSWriter, StreamingDataset
from torch.nn import functional
from torch.utils.data import DataLoader

torch.set_num_threads(1)
MDS, TAR = os.path.join(FOLDER, "mds"), os.path.join(FOLDER, "tar")
# A dozen files: enough for every worker to have some.
FILE_BYTES = ROWS * (4 * math.prod(AUDIO) + math.prod(RGB)) // 12


def rows():
    audio = np.memmap(os.path.join(FOLDER, "audio.bin"), np.float32, "r", shape=(ROWS, *AUDIO))
    rgb = np.memmap(os.path.join(FOLDER, "rgb.bin"), np.uint8, "r", shape=(ROWS, *RGB))
    for i in range(ROWS):
        yield i, np.array(audio[i]), np.array(rgb[i])


def write():
    columns = {
        "audio": "ndarray:float32:" + ",".join(map(str, AUDIO)),
        "rgb": "ndarray:uint8:" + ",".join(map(str, RGB)),
        "label": "int",
    }
    with MDSWriter(out=MDS, columns=columns, size_limit=FILE_BYTES) as out:
        for i, audio, rgb in rows():
            out.write({"audio": audio, "rgb": rgb, "label": i % 6})
    os.makedirs(TAR)
    with webdataset.ShardWriter(os.path.join(TAR, "%05d.tar"), maxsize=FILE_BYTES, verbose=0) as out:
        for i, audio, rgb in rows():
            out.write({"__key__": f"{i:06d}", "audio.npy": audio, "rgb.npy": rgb, "cls": i % 6})


def touch(audio, rgb):
    return int(audio.reshape(-1)[:: PAGE // 4].sum()) + int(rgb.reshape(-1)[::PAGE].sum())


def augment(audio, rgb):
    """torchvision's RandomResizedCrop and flip, normalised, as torch does it on the CPU."""
    _, height, width, _ = rgb.shape
    area = height * width * np.random.uniform(0.08, 1)
    aspect = math.exp(np.random.uniform(math.log(3 / 4), math.log(4 / 3)))
    w = min(width, round(math.sqrt(area * aspect)))
    h = min(height, round(math.sqrt(area / aspect)))
    top, left = np.random.randint(height - h + 1), np.random.randint(width - w + 1)
    cut = torch.from_numpy(np.ascontiguousarray(rgb[:, top : top + h, left : left + w])).permute(0, 3, 1, 2).float()
    out = functional.interpolate(cut, (CROP, CROP), mode="bilinear", align_corners=False)
    if np.random.rand() < 0.5:
        out = out.flip(3)
    out = (out - 120.0) / 60.0
    sound = (torch.from_numpy(np.array(audio)) + 4.0) / 2.0
    return touch(sound.numpy(), out.numpy())


class Counting:
    """Decodes a batch where it was read, and hands on how many rows it had."""

    def __init__(self, augments):
        self.take = augment if augments else touch

    def __call__(self, batch):
        for sample in batch:
            audio, rgb = sample[:2] if isinstance(sample, tuple) else (sample["audio"], sample["rgb"])
            self.take(audio, rgb)
        return len(batch)


def dataset(loader, batch, passes):
    if loader == "mosaicml-streaming":
        return StreamingDataset(local=MDS, shuffle=True, batch_size=batch, epoch_size=passes * ROWS)
    files = sorted(os.path.join(TAR, name) for name in os.listdir(TAR))
    split = webdataset.split_by_worker
    chain = webdataset.WebDataset(files, shardshuffle=len(files), nodesplitter=None, workersplitter=split)
    return chain.shuffle(32).decode().to_tuple("audio.npy", "rgb.npy", "cls").repeat(nepochs=passes)


def settings(workers):
    """Of batch size and whether there is a process for each worker, or only this one."""
    return [(batch, n) for batch in (8, 32) for n in ((0, 1) if workers == 1 else (workers,))]


def measure(loader, augments, passes, epochs, setting):
    batch, processes = setting
    make = DataLoader(
        dataset(loader, batch, passes),
        batch_size=batch,
        num_workers=processes,
        collate_fn=Counting(augments),
        persistent_workers=processes > 0,
        **({"prefetch_factor": 2} if processes > 0 else {}),
    )
    sum(make)  # the first epoch starts the processes and reads what is not in memory yet
    seen, seconds = 0, 0.0
    for _ in range(epochs):
        batches = iter(make)
        first = next(batches)  # an epoch's start is not counted
        started = time.perf_counter()
        counted = sum(batches)
        seconds += time.perf_counter() - started
        if first + counted != passes * ROWS:
            raise RuntimeError(f"{loader} gave {first + counted} of {passes * ROWS} rows")
        seen += counted
    return seen / seconds


def main():
    write()
    best = {}
    versions = {"streaming": streaming.__version__, "webdataset": webdataset.__version__, "torch": torch.__version__}
    print("ready", flush=True)
    for line in sys.stdin:
        task = json.loads(line)
        if "loader" not in task:
            print(json.dumps(versions), flush=True)
            continue
        loader, augments, passes = task["loader"], task["augment"], task["passes"]
        asked = loader, task["workers"], augments
        if asked not in best:
            best[asked] = max(settings(task["workers"]), key=lambda s: measure(loader, augments, passes, 1, s))
        batch, processes = best[asked]
        speed = measure(loader, augments, passes, task["epochs"], best[asked])
        print(json.dumps({"samplesPerS": speed, "setting": f"batches of {batch}, {processes} processes"}), flush=True)


main()
