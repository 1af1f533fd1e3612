"""Reference steps of methods, by PyTorch, without any of our code. See README.md beside this file.

Writes methods_2.safetensors (weights, inputs, and of each case the gradients of a few parameters that together depend
on everything) and methods_2.json (labels, draws, losses, and the norm of all gradients of each case).
"""
import json
import math
import struct
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

HERE = Path(__file__).parent
torch.set_default_dtype(torch.float64)
torch.manual_seed(11)

CLASSES, SIZE, FRAMES, FEATURE = 4, 6, 2, 8
CHANNELS = {"audio": 1, "rgb": 3, "flow": 2}
SHAPES = {"audio": (1, 21, 18), "rgb": (FRAMES, 17, 16), "flow": (FRAMES - 1, 17, 16)}
LABELS = torch.tensor([0, 3, 1, 2, 2, 0])
ONE_HOT = F.one_hot(LABELS, CLASSES).double()
PARTNERS = torch.tensor([3, 0, 2, 5, 1, 4])
EVERYONE = {name: torch.ones(SIZE) for name in CHANNELS}
SOME = {
    "audio": torch.tensor([1.0, 0, 1, 1, 1, 1]),
    "rgb": torch.tensor([1.0, 1, 1, 1, 0, 0]),
    "flow": torch.tensor([1.0, 1, 1, 0, 0, 1]),
}


def f32(tensor):
    return tensor.float().double()


# ------------------------------------------------------------------------------------------- ResNet-18, width 1


class Block(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Sequential(nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class Encoder(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 1, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(1)
        cin = 1
        for stage in range(4):
            cout = 2**stage
            stride = 1 if stage == 0 else 2
            setattr(self, f"layer{stage + 1}", nn.Sequential(Block(cin, cout, stride), Block(cout, cout, 1)))
            cin = cout
        with torch.no_grad():
            for name, value in self.named_parameters():
                if value.dim() == 4:
                    fan = value.shape[0] * value.shape[2] * value.shape[3]
                    value.copy_(f32(torch.randn_like(value) * math.sqrt(2 / fan)))
                else:
                    value.copy_(f32((1 if name.endswith("weight") else 0) + 0.2 * torch.randn_like(value)))

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        return self.layer4(self.layer3(self.layer2(self.layer1(x)))).mean((2, 3))


# ------------------------------------------------------------------------------------------- the model


class Model:
    """Encoders and a concatenation, or, for MMCosine, a cosine head with a weight for each modality."""

    def __init__(self, names, nets, weight, bias):
        self.names, self.nets = names, {name: nets[name] for name in names}
        self.weight = torch.cat([weight[name] for name in names], 1).requires_grad_()  # [K, U D]
        self.bias = bias.clone().requires_grad_()

    def encode(self, inputs, present):
        features = {}
        for name in self.names:
            rows = present[name].nonzero()[:, 0]
            x = inputs[name][rows]  # [P, F, C, H, W]
            z = self.nets[name].train()(x.flatten(0, 1)).reshape(len(rows), -1, FEATURE).mean(1)
            features[name] = torch.zeros(SIZE, FEATURE).index_copy(0, rows, z)
        return features

    def part(self, name):
        at = self.names.index(name) * FEATURE
        return self.weight[:, at : at + FEATURE]

    def scale(self, present):
        return len(self.names) / sum(present[name] for name in self.names)[:, None]

    def fuse(self, features, present):
        joined = torch.cat([features[name] for name in self.names], 1)
        return (joined * self.scale(present)) @ self.weight.T + self.bias

    def branch(self, features, name):
        return features[name] @ self.part(name).T + self.bias / len(self.names)

    def scores(self, features, present):
        complete = torch.stack([present[name] for name in self.names]).prod(0)
        return {
            name: (F.softmax(self.branch(features, name), 1)[torch.arange(SIZE), LABELS] * complete).sum().item()
            for name in self.names
        }

    def gradients(self, loss):
        named = {"fusion.classifier.weight": self.weight, "fusion.classifier.bias": self.bias}
        for name, net in self.nets.items():
            named.update({f"{name}.{key}": value for key, value in net.named_parameters()})
        grads = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
        return {key: grad for key, grad in zip(named, grads) if grad is not None}


def discrepancy(scores):
    return {
        name: score / np.mean([other for key, other in scores.items() if key != name]) for name, score in scores.items()
    }


# ------------------------------------------------------------------------------------------- what methods minimise


def mixing(present, ratio):
    """Shares of the row and of its partner in the mix; a modality that one of them lacks is the other's."""
    own, other = ratio * present, (1 - ratio) * present[PARTNERS]
    total = own + other
    divisor = torch.where(total > 0, total, torch.ones(SIZE))
    return own / divisor, other / divisor


def soft_labels(shares, seen, parts):
    """shares: of the row itself, by modality; seen: what is in the mix; parts: what each modality counts."""
    counted = {name: parts[name] * seen[name] for name in shares}
    none = sum(counted.values()) == 0
    counted = {name: torch.where(none, seen[name], counted[name]) for name in shares}
    total = sum(counted.values())
    share = (sum(counted[name] * shares[name] for name in shares) / total)[:, None]
    return share * ONE_HOT + (1 - share) * ONE_HOT[PARTNERS]


def soft_cross_entropy(logits, labels):
    return -(labels * F.log_softmax(logits, 1)).sum(1).mean()


def feature_mixup(model, inputs, present, ratios, parts=None, lam=None):
    """With lam the label is that of a mix by lam, but where the pair holds only what is mixed further than by lam."""
    features, mixed, seen, shares = model.encode(inputs, present), {}, {}, {}
    for name in model.names:
        own, other = mixing(present[name], ratios[name])
        mixed[name] = own[:, None] * features[name] + other[:, None] * features[name][PARTNERS]
        seen[name], shares[name] = ((own + other) > 0).double(), own
    labels = soft_labels(shares, seen, parts or {name: 1.0 for name in model.names})
    if lam is not None:
        as_mm = soft_labels({name: mixing(present[name], lam)[0] for name in model.names}, seen,
                            {name: 1.0 for name in model.names})
        kept = sum(seen[name] for name in model.names if ratios[name] >= lam) > 0
        labels = torch.where(kept[:, None], as_mm, labels)
    return soft_cross_entropy(model.fuse(mixed, seen), labels)


def input_mixup(model, inputs, present, ratio):
    mixed, seen, shares = {}, {}, {}
    for name in model.names:
        own, other = mixing(present[name], ratio)
        wide = (slice(None),) + (None,) * 4
        clean = inputs[name] * present[name][wide]
        mixed[name] = own[wide] * clean + other[wide] * clean[PARTNERS]
        seen[name], shares[name] = ((own + other) > 0).double(), own
    labels = soft_labels(shares, seen, {name: 1.0 for name in model.names})
    return soft_cross_entropy(model.fuse(model.encode(mixed, seen), seen), labels)


def opm(model, inputs, present, draws, q_base, lam):
    features = model.encode(inputs, present)
    rho = discrepancy(model.scores(features, present))
    q = {name: q_base * (1 + lam * math.tanh(r - 1)) if r > 1 else 0.0 for name, r in rho.items()}
    theta = sum(q.values()) / len(q)
    kept = {name: (torch.tensor(draws[name]) >= q[name]).double() for name in model.names}
    cleaned = {name: features[name] * kept[name][:, None] / (1 - theta) for name in model.names}
    left = sum(kept[name] * present[name] for name in model.names) > 0
    logits = model.fuse(cleaned, present)
    return F.cross_entropy(logits[left], LABELS[left]), {"q": q, "left": int(left.sum())}


def mmcosine(model, inputs, present, s):
    features = model.encode(inputs, present)
    scale = model.scale(present)
    logits = 0
    for name in model.names:
        cosine = F.normalize(features[name], dim=1) @ F.normalize(model.part(name), dim=1).T
        logits = logits + s * cosine * present[name][:, None] * scale
    return F.cross_entropy(logits, LABELS)


# By rising power of the epoch, from 0.
LFM_SHARE = [0.795376296, -3.35472727e-3, -1.22989557e-4, 2.92947416e-6, -2.23835486e-8, 5.39717505e-11]


def lfm(model, inputs, present, epoch):
    features = model.encode(inputs, present)
    share = sum(factor * (epoch - 1) ** power for power, factor in enumerate(LFM_SHARE))
    aligned = []
    for i, a in enumerate(model.names):
        for b in model.names[i + 1 :]:
            rows = ((present[a] * present[b]) > 0).nonzero()[:, 0]
            log_p, log_q = (F.log_softmax(model.branch(features, name)[rows], 1) for name in (a, b))
            mean = (log_p.exp() + log_q.exp()) / 2
            aligned.append((F.kl_div(log_p, mean, reduction="batchmean") + F.kl_div(log_q, mean, reduction="batchmean")) / 2)
    fitting = F.cross_entropy(model.fuse(features, present), LABELS)
    return 2 * ((1 - share) * fitting + share * sum(aligned) / len(aligned)), {"alpha": share}


def lfm_contrastive(model, inputs, present, epoch, temperature):
    features = model.encode(inputs, present)
    alpha = 1 - math.exp(-1 / epoch)
    matches = []
    for i, a in enumerate(model.names):
        for b in model.names[i + 1 :]:
            rows = ((present[a] * present[b]) > 0).nonzero()[:, 0]
            similarity = F.normalize(features[a][rows], dim=1) @ F.normalize(features[b][rows], dim=1).T / temperature
            target = torch.arange(len(rows))
            matches.append((F.cross_entropy(similarity, target) + F.cross_entropy(similarity.T, target)) / 2)
    fitting = F.cross_entropy(model.fuse(features, present), LABELS)
    return (1 - alpha) * fitting + alpha * sum(matches) / len(matches), {"alpha": alpha}


def cml(model, inputs, present, orders, weight):
    """Clip by clip, as the definition reads."""
    features = model.encode(inputs, present)
    entropies, rises = [], []
    for row in range(SIZE):
        has = [model.names[at] for at in orders[row] if present[model.names[at]][row] > 0]
        before = None
        for first in range(len(has)):
            seen = has[first:]
            joined = torch.cat([features[n][row] * (1.0 if n in seen else 0.0) for n in model.names])
            logits = joined * len(model.names) / len(seen) @ model.weight.T + model.bias
            entropies.append(F.cross_entropy(logits[None], LABELS[row : row + 1]))
            confidence, answer = F.softmax(logits, 0).max(0)
            right = answer == LABELS[row]
            if before is not None and (before[1] or not right):
                rises.append(F.relu(confidence - before[0]))
            before = (confidence, right)
    total = torch.stack(entropies).mean() + weight * torch.stack(rises).sum()
    return total, {"rises": int((torch.stack(rises) > 0).sum())}


# ------------------------------------------------------------------------------------------- cases

nets = {name: Encoder(channels) for name, channels in CHANNELS.items()}
weight = {name: f32(1.5 * torch.randn(CLASSES, FEATURE)) for name in CHANNELS}
bias = f32(0.5 * torch.randn(CLASSES))
inputs = {}
for name, (frames, height, width) in SHAPES.items():
    inputs[name] = f32(torch.randn(SIZE, frames, CHANNELS[name], height, width))

tensors, cases = {}, {}


def ours(key, value):
    if key == "fusion.classifier.weight":
        return value.T
    return value.permute(2, 3, 1, 0) if value.dim() == 4 else value


for name in CHANNELS:
    tensors[f"input/{name}"] = inputs[name].permute(0, 1, 3, 4, 2)  # [B, F, H, W, C]
    tensors[f"classifier/{name}"] = weight[name].T
    for key, value in nets[name].named_parameters():
        tensors[f"weights/{name}.{key}"] = ours(key, value)
tensors["weights/fusion.classifier.bias"] = bias


def shown(key):
    return key.startswith("fusion.") or key.split(".", 1)[1] in ("conv1.weight", "layer3.0.downsample.0.weight")


def record(case, names, loss_of, **facts):
    model = Model(names, nets, weight, bias)
    loss = loss_of(model)
    extra = {}
    if isinstance(loss, tuple):
        loss, extra = loss
    grads = model.gradients(loss)
    norm = torch.sqrt(sum((grad**2).sum() for grad in grads.values())).item()
    cases[case] = {"modalities": names, "loss": loss.item(), "norm": norm, **facts, **extra}
    for key, grad in grads.items():
        if shown(key):
            tensors[f"{case}/{key}"] = ours(key, grad)


TWO, THREE = ["audio", "rgb"], ["audio", "rgb", "flow"]
RATIO = 0.7
RHO = {"audio": 1.6, "rgb": 0.5, "flow": 1.2}
BMM = {"audio": 0.82, "rgb": 0.61, "flow": 0.75}
rng = np.random.default_rng(3)
DRAWS = {name: rng.random(SIZE).round(3).tolist() for name in CHANNELS}
ORDERS = {2: [[0, 1], [1, 0], [1, 0], [0, 1], [0, 1], [1, 0]],
          3: [[2, 0, 1], [0, 1, 2], [1, 2, 0], [2, 1, 0], [0, 2, 1], [1, 0, 2]]}

for suffix, names, present in [("", TWO, EVERYONE), ("-missing", THREE, SOME)]:
    record(f"input-mixup{suffix}", names, lambda m: input_mixup(m, inputs, present, RATIO), ratio=RATIO)
    record(f"opm{suffix}", names, lambda m: opm(m, inputs, present, DRAWS, 0.5, 0.5), draws=DRAWS)
    record(f"mmcosine{suffix}", names, lambda m: mmcosine(m, inputs, present, 10))
    record(f"lfm{suffix}", names, lambda m: lfm(m, inputs, present, 21), epoch=21)
    record(f"lfm-contrastive{suffix}", names, lambda m: lfm_contrastive(m, inputs, present, 3, 0.07), epoch=3)
    orders = ORDERS[len(names)]
    record(f"cml{suffix}", names, lambda m: cml(m, inputs, present, orders, 0.1), orders=orders)
record("feature-mixup", TWO, lambda m: feature_mixup(m, inputs, EVERYONE, {n: RATIO for n in TWO}), ratio=RATIO)


def balanced(ratio, rho, gamma):
    out = {}
    for name, r in rho.items():
        k = 1 - math.tanh(gamma * (max(r, 1 / r) - 1))
        out[name] = ratio + (1 - ratio) * (1 - k) if r >= 1 else 0.5 + (ratio - 0.5) * k
    return out


def count(which, r):
    return which in ("all", "mean") or (r >= 1 if which == "strong" else r <= 1)


for options in [{"rule": "opposite"}, {"mixed": "strong"}, {"mixed": "weak", "labels": "strong"},
                {"labels": "weak"}, {"labels": "share"}]:
    options = {"rule": "strong-less", **options}
    rule, mixed, labels = (options.get(k, d) for k, d in (("rule", ""), ("mixed", "all"), ("labels", "mean")))
    turned = {name: 1 / r if rule == "opposite" else r for name, r in RHO.items()}
    ratios = {name: r if count(mixed, RHO[name]) else 1.0 for name, r in balanced(RATIO, turned, 0.3).items()}
    # s^u / Σ s, solved from ρ^u = s^u / mean of the others with Σ s = 1: s = ρ (1 − s) / (U − 1)
    share = {name: r / (len(RHO) - 1 + r) for name, r in RHO.items()}
    parts = share if labels == "share" else {name: float(count(labels, r)) for name, r in RHO.items()}
    record("b-mm " + " ".join(f"{k}={v}" for k, v in options.items()), THREE,
           lambda m: feature_mixup(m, inputs, SOME, ratios, parts),
           ratio=RATIO, rho=RHO, balance={"gamma": 0.3, **options}, ratios=ratios)

further = {name: 0.5 + (RATIO - 0.5) * (1 - math.tanh(1.5 * max(0, r - 1))) for name, r in RHO.items()}
record("b-mm", THREE, lambda m: feature_mixup(m, inputs, SOME, further, lam=RATIO),
       ratio=RATIO, rho=RHO, balance={"gamma": 1.5}, ratios=further)

header, data, at = {"__metadata__": {}}, [], 0
for key, value in tensors.items():
    array = np.ascontiguousarray(value.detach().numpy(), dtype="<f4")
    header[key] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [at, at + array.nbytes]}
    data.append(array.tobytes())
    at += array.nbytes
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
(HERE / "methods_2.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data))
facts = {"labels": LABELS.tolist(), "partners": PARTNERS.tolist(), "classes": CLASSES,
         "present": {name: [int(p) for p in SOME[name]] for name in SOME}, "cases": cases}
(HERE / "methods_2.json").write_text(json.dumps(facts) + "\n")
