"""torchvision's own logits for weights and pictures that a formula gives. See README.md beside this file."""
import json
import math
import struct
from pathlib import Path

import numpy as np
import torch
import torchvision

HERE = Path(__file__).parent


def uniform(name, shape):
    """Uniform in -1..1: MurmurHash3's finaliser over (FNV-1a of the name + i * 2654435769)."""
    seed = 2166136261
    for byte in name.encode():
        seed = (seed ^ byte) * 16777619 % 2**32
    h = (np.arange(math.prod(shape), dtype=np.uint64) * 2654435769 + seed).astype(np.uint32)
    h ^= h >> 16
    h *= np.uint32(0x85EBCA6B)
    h ^= h >> 13
    h *= np.uint32(0xC2B2AE35)
    h ^= h >> 16
    return (h.astype(np.float64) / 2**31 - 1).reshape(shape)


def weights(name, shape):
    u = uniform(name, shape)
    if len(shape) == 4:
        u = u * math.sqrt(6 / (shape[0] * shape[2] * shape[3]))
    elif name.startswith("fc."):
        u = u / 16
    elif name.endswith("running_var"):
        u = 1 + 0.5 * u
    elif name.endswith("weight"):
        u = 0.5 + 0.25 * u
    else:
        u = 0.2 * u
    return torch.from_numpy(u.astype(np.float32))


tensors = {}
for name, make in [("resnet18", torchvision.models.resnet18), ("resnet50", torchvision.models.resnet50)]:
    net = make(weights=None)
    state = net.state_dict()
    net.load_state_dict({k: v if k.endswith("tracked") else weights(k, v.shape) for k, v in state.items()})
    net = net.double().eval()
    with torch.no_grad():
        x = torch.from_numpy(uniform("x", (2, 3, 72, 64)).astype(np.float32)).double()
        tensors[f"{name}/logits"] = net(x)

header, data, at = {"__metadata__": {"torchvision": torchvision.__version__}}, [], 0
for key, value in tensors.items():
    array = value.float().numpy()
    header[key] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [at, at + array.nbytes]}
    data.append(array.tobytes())
    at += array.nbytes
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
(HERE / "torchvision.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data))
print({key: value.abs().max().item() for key, value in tensors.items()})
