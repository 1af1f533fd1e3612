"""Twenty steps of joint training and of OGM in PyTorch, on a real Arrow shard; writes the losses to steps.json.

    npx tsx test/pipelines/training/golden/twenty-steps.ts FOLDER
    PYTHONPATH=<a folder with pyarrow> /usr/bin/python3 test/pipelines/training/golden/make_steps.py FOLDER

The shard is read with pyarrow and cropped and normalised here; only the initial weights and the rows of each step come
from our side. See README.md beside this file.
"""
import json
import math
import struct
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
import torch.nn.functional as F

from make_golden import ResNet18, write_json

FOLDER = Path(sys.argv[1])
FACTS = json.loads((FOLDER / "facts.json").read_text())
NAMES, WIDTH, CROP, ALPHA = ("audio", "rgb"), 2, 32, 0.8
FEATURE = 8 * WIDTH
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def read_weights():
    data = (FOLDER / "weights.safetensors").read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8 : 8 + size]), data[8 + size :]
    out = {}
    for key, entry in header.items():
        if key != "__metadata__":
            start, end = entry["data_offsets"]
            values = np.frombuffer(body[start:end], dtype="<f4").reshape(entry["shape"])
            out[key] = torch.tensor(values.astype(np.float64))
    return out


def read_shards():
    tables = [pa.ipc.open_file(path).read_all() for path in sorted(FOLDER.glob("shard-*.arrow"))]
    return pa.concat_tables(tables) if len(tables) > 1 else tables[0]


def read_clips():
    table = read_shards()
    labels = torch.tensor(table.column("label").to_pylist())
    audio_shape = json.loads(table.schema.field("audio").metadata[b"shape"])
    (mean,), (std,) = FACTS["normalisation"]["mean"], FACTS["normalisation"]["std"]
    clips = {name: [] for name in NAMES}
    for values in table.column("audio").to_pylist():
        spectrogram = (np.array(values, dtype=np.float64).reshape(audio_shape) - mean) / std
        clips["audio"].append(torch.tensor(spectrogram)[None, None])  # [1, 1, H, W]
    for pixels, shape in zip(table.column("rgb").to_pylist(), table.column("rgb_shape").to_pylist()):
        if pixels is None:
            clips["rgb"].append(None)
            continue
        x = np.frombuffer(pixels, dtype=np.uint8).reshape(shape) / 255
        top, left = (shape[1] - CROP) // 2, (shape[2] - CROP) // 2
        x = (x[:, top : top + CROP, left : left + CROP] - np.array(MEAN)) / np.array(STD)
        clips["rgb"].append(torch.tensor(x).permute(0, 3, 1, 2))  # [T, 3, H, W]
    return labels, clips


class Twin:
    def __init__(self, weights):
        self.nets = {"audio": ResNet18(1, WIDTH), "rgb": ResNet18(3, WIDTH)}
        with torch.no_grad():
            for name, net in self.nets.items():
                for key, value in net.state_dict().items():
                    if not key.endswith("num_batches_tracked"):
                        stored = weights[f"{name}.{key}"]
                        value.copy_(stored.permute(3, 2, 0, 1) if stored.dim() == 4 else stored)
                net.train()
        self.weight = weights["fusion.classifier.weight"].T.clone().requires_grad_()
        self.bias = weights["fusion.classifier.bias"].clone().requires_grad_()
        self.parameters = [p for net in self.nets.values() for p in net.parameters()] + [self.weight, self.bias]

    def features(self, clips, rows):
        z, present = {}, {}
        for name, net in self.nets.items():
            seen = [place for place, row in enumerate(rows) if clips[name][row] is not None]
            x = torch.stack([clips[name][rows[place]] for place in seen])
            values = net(x.reshape(-1, *x.shape[2:])).reshape(len(seen), -1, FEATURE).mean(1)
            z[name] = torch.zeros(len(rows), FEATURE).index_copy(0, torch.tensor(seen), values)
            present[name] = torch.zeros(len(rows)).index_fill(0, torch.tensor(seen), 1)
        return z, present

    def logits(self, z, present):
        scale = 2 / (present["audio"] + present["rgb"])
        return (torch.cat([z["audio"], z["rgb"]], 1) * scale[:, None]) @ self.weight.T + self.bias

    def coefficients(self, z, present, labels):
        parts = {"audio": self.weight[:, :FEATURE], "rgb": self.weight[:, FEATURE:]}
        both = (present["audio"] * present["rgb"]).bool()
        score = {}
        for name in NAMES:
            p = F.softmax(z[name] @ parts[name].T + self.bias / 2, 1)
            score[name] = p[torch.arange(len(labels)), labels][both].sum().item()
        rho = {"audio": score["audio"] / score["rgb"], "rgb": score["rgb"] / score["audio"]}
        return {name: 1 - math.tanh(ALPHA * value) if value > 1 else 1.0 for name, value in rho.items()}


def train(modulated):
    labels, clips = read_clips()
    twin = Twin(read_weights())
    optimizer = torch.optim.SGD(twin.parameters, lr=FACTS["learningRate"], momentum=0.9, weight_decay=1e-4)
    losses, slowed = [], []
    for rows in FACTS["rows"]:
        z, present = twin.features(clips, rows)
        loss = F.cross_entropy(twin.logits(z, present), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        if modulated:
            with torch.no_grad():
                k = twin.coefficients(z, present, labels[rows])
            slowed.append(min(k, key=k.get))
            for name, net in twin.nets.items():
                for parameter in net.parameters():
                    if parameter.dim() == 4:
                        parameter.grad *= k[name]
        optimizer.step()
        losses.append(loss.item())
    return losses, slowed


joint, _ = train(False)
ogm, slowed = train(True)
write_json("steps", {"sha256": FACTS["sha256"], "joint": joint, "ogm-ge": ogm, "slowed": slowed})
