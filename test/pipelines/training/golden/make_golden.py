"""Reference values for the tests of pipelines/training. See README.md beside this file."""
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
torch.manual_seed(7)


def write_safetensors(name, tensors, metadata=None):
    header, data, at = {"__metadata__": metadata or {}}, [], 0
    for key, value in tensors.items():
        array = np.ascontiguousarray(value.detach().numpy() if torch.is_tensor(value) else value, dtype="<f4")
        header[key] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [at, at + array.nbytes]}
        data.append(array.tobytes())
        at += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (HERE / f"{name}.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data))


def write_json(name, value):
    (HERE / f"{name}.json").write_text(json.dumps(value, indent=1) + "\n")


def f32(tensor):
    """What our side reads back: the float32 value, computed on in double."""
    return tensor.float().double()


def nhwc(pictures):
    return pictures.permute(0, 2, 3, 1)


def ours(name, tensor):
    return tensor.permute(2, 3, 1, 0) if tensor.dim() == 4 else tensor


# ---------------------------------------------------------------------------------------------- ResNet-18


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
        shortcut = x if self.downsample is None else self.downsample(x)
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + shortcut)


class ResNet18(nn.Module):
    def __init__(self, channels, width):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        cin = width
        for stage in range(4):
            cout = width * 2**stage
            stride = 1 if stage == 0 else 2
            setattr(self, f"layer{stage + 1}", nn.Sequential(Block(cin, cout, stride), Block(cout, cout, 1)))
            cin = cout

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return x.mean((2, 3))


def random_resnet(channels, width):
    net = ResNet18(channels, width)
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if name.endswith("num_batches_tracked"):
                continue
            if value.dim() == 4:
                fan = value.shape[0] * value.shape[2] * value.shape[3]
                value.copy_(f32(torch.randn_like(value) * math.sqrt(2 / fan)))
            elif name.endswith("running_var"):
                value.copy_(f32(0.5 + torch.rand_like(value)))
            elif name.endswith("weight"):
                value.copy_(f32(1 + 0.2 * torch.randn_like(value)))
            else:
                value.copy_(f32(0.2 * torch.randn_like(value)))
    return net


def state_of(net, prefix):
    return {
        f"{prefix}.{name}": ours(name, value.clone())
        for name, value in net.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }


def make_resnet():
    net = random_resnet(3, 2)
    x = f32(torch.randn(3, 3, 45, 38))
    direction = f32(torch.randn(3, 16))
    tensors = {"x": nhwc(x), "direction": direction}
    tensors.update({f"before/{k}": v for k, v in state_of(net, "rgb").items()})
    net.eval()
    tensors["eval"] = net(x)
    net.train()
    features = net(x)
    (features * direction).sum().backward()
    tensors["train"] = features
    tensors.update({f"after/{k}": v for k, v in state_of(net, "rgb").items() if "running" in k})
    tensors.update({f"gradient/rgb.{k}": ours(k, p.grad) for k, p in net.named_parameters()})
    write_safetensors("resnet", tensors)


# ---------------------------------------------------------------------------------------------- kernels


def make_kernels():
    x = f32(torch.randn(2, 3, 9, 10)).requires_grad_()
    tensors = {"x": nhwc(x.detach())}
    for name, size, stride, pad in [("7x7", 7, 2, 3), ("3x3", 3, 2, 1), ("same", 3, 1, 1), ("1x1", 1, 2, 0)]:
        w = f32(torch.randn(4, 3, size, size)).requires_grad_()
        y = F.conv2d(x, w, stride=stride, padding=pad)
        dy = f32(torch.randn_like(y))
        gx, gw = torch.autograd.grad(y, [x, w], dy)
        for key, value in [("y", nhwc(y)), ("dy", nhwc(dy)), ("gx", nhwc(gx))]:
            tensors[f"{name}/{key}"] = value
        tensors[f"{name}/w"], tensors[f"{name}/gw"] = ours("w", w.detach()), ours("w", gw)
    y = F.max_pool2d(x, 3, 2, 1)
    dy = f32(torch.randn_like(y))
    (gx,) = torch.autograd.grad(y, [x], dy)
    tensors.update({"pool/y": nhwc(y), "pool/dy": nhwc(dy), "pool/gx": nhwc(gx)})
    y = F.relu(x)
    dy = f32(torch.randn_like(y))
    (gx,) = torch.autograd.grad(y, [x], dy)
    tensors.update({"relu/y": nhwc(y), "relu/dy": nhwc(dy), "relu/gx": nhwc(gx)})
    norm = nn.BatchNorm2d(3)
    with torch.no_grad():
        for parameter in (norm.weight, norm.bias, norm.running_mean):
            parameter.copy_(f32(torch.randn_like(parameter)))
        norm.running_var.copy_(f32(0.5 + torch.rand(3)))
    tensors.update({f"norm/{k}": v.clone() for k, v in norm.state_dict().items() if v.dim() == 1})
    tensors["norm/eval"] = nhwc(norm.eval()(x))
    y = norm.train()(x)
    dy = f32(torch.randn_like(y))
    gx, gs, gb = torch.autograd.grad(y, [x, norm.weight, norm.bias], dy)
    tensors.update({"norm/y": nhwc(y), "norm/dy": nhwc(dy), "norm/gx": nhwc(gx), "norm/gs": gs, "norm/gb": gb})
    tensors.update({"norm/mean_after": norm.running_mean, "norm/var_after": norm.running_var})
    write_safetensors("kernels", {k: v.detach() for k, v in tensors.items()})


# ---------------------------------------------------------------------------------------------- methods

CLASSES, FRAMES, SIZE, WIDTH = 4, 2, 6, 1
FEATURE = 8 * WIDTH


def soft_cross_entropy(logits, labels):
    return -(labels * F.log_softmax(logits, 1)).sum(1).mean()


class Model:
    """Two encoders and concatenation; presence is a 0/1 vector for each modality."""

    def __init__(self):
        self.nets = {"audio": random_resnet(1, WIDTH), "rgb": random_resnet(3, WIDTH)}
        self.weight = f32(0.5 * torch.randn(CLASSES, 2 * FEATURE)).requires_grad_()
        self.bias = f32(0.5 * torch.randn(CLASSES)).requires_grad_()

    def tensors(self):
        out = {}
        for name, net in self.nets.items():
            out.update(state_of(net, name))
        out["fusion.classifier.weight"] = self.weight.detach().T
        out["fusion.classifier.bias"] = self.bias.detach()
        return out

    def encode(self, inputs, present):
        features = {}
        for name, net in self.nets.items():
            net.train()
            rows = present[name].nonzero()[:, 0]
            x = inputs[name][rows]
            z = net(x.reshape(-1, *x.shape[2:])).reshape(len(rows), -1, FEATURE).mean(1)
            features[name] = torch.zeros(SIZE, FEATURE).index_copy(0, rows, z)
        return features

    def fuse(self, features, present):
        scale = 2 / (present["audio"] + present["rgb"]).double()[:, None]
        joined = torch.cat([features["audio"], features["rgb"]], 1) * scale
        return joined @ self.weight.T + self.bias

    def branch(self, features, name):
        part = self.weight[:, :FEATURE] if name == "audio" else self.weight[:, FEATURE:]
        return features[name] @ part.T + self.bias / 2

    def gradients(self, loss):
        named = [("fusion.classifier.weight", self.weight), ("fusion.classifier.bias", self.bias)]
        for name, net in self.nets.items():
            named += [(f"{name}.{k}", p) for k, p in net.named_parameters()]
        grads = torch.autograd.grad(loss, [p for _, p in named])
        turned = {}
        for (key, _), grad in zip(named, grads):
            turned[key] = grad.T if key == "fusion.classifier.weight" else ours(key, grad)
        return turned


def mixed_loss(model, inputs, labels, present, partners, ratios, lam):
    """The label: each modality of a pair as lam would mix it; where all that is there is mixed further, as it is."""
    features = model.encode(inputs, present)
    one_hot = F.one_hot(labels, CLASSES).double()
    mixed, seen, held, asked, kept = {}, {}, [], [], torch.zeros(SIZE, dtype=torch.bool)
    for name, ratio in ratios.items():
        m_i, m_j = present[name].double(), present[name].double()[partners]
        own, total = shares(ratio, m_i, m_j)
        mixed[name] = own[:, None] * features[name] + (total > 0)[:, None] * (1 - own)[:, None] * features[name][partners]
        seen[name] = (total > 0).long()
        nothing = torch.full((SIZE,), float("nan"))
        held.append(torch.where(total > 0, own, nothing))
        asked.append(torch.where(total > 0, shares(lam, m_i, m_j)[0], nothing))
        if ratio >= lam:
            kept |= total > 0
    share = torch.where(kept, torch.nanmean(torch.stack(asked), 0), torch.nanmean(torch.stack(held), 0))[:, None]
    soft = share * one_hot + (1 - share) * one_hot[partners]
    return soft_cross_entropy(model.fuse(mixed, seen), soft)


def shares(ratio, m_i, m_j):
    total = ratio * m_i + (1 - ratio) * m_j
    return torch.where(total > 0, ratio * m_i / total.clamp(min=1e-30), torch.zeros(SIZE)), total


def balance(ratio, rho, gamma):
    """What leads is mixed further; the others keep the ratio."""
    return {name: 0.5 + (ratio - 0.5) * (1 - math.tanh(gamma * (r - 1))) if r > 1 else ratio for name, r in rho.items()}


def make_methods():
    model = Model()
    inputs = {
        "audio": f32(torch.randn(SIZE, 1, 1, 40, 33)),
        "rgb": f32(torch.randn(SIZE, FRAMES, 3, 32, 32)),
    }
    labels = torch.tensor([0, 3, 1, 2, 2, 0])
    partners = torch.tensor([3, 0, 2, 5, 1, 4])
    every = {"audio": torch.ones(SIZE).long(), "rgb": torch.ones(SIZE).long()}
    some = {"audio": torch.tensor([1, 0, 1, 1, 1, 1]), "rgb": torch.tensor([1, 1, 1, 1, 0, 0])}
    tensors = {f"weights/{k}": v.clone() for k, v in model.tensors().items()}
    tensors["audio"] = inputs["audio"].permute(0, 1, 3, 4, 2)
    tensors["rgb"] = inputs["rgb"].permute(0, 1, 3, 4, 2)
    facts = {"labels": labels.tolist(), "partners": partners.tolist(), "classes": CLASSES,
             "present": {k: v.tolist() for k, v in some.items()}, "cases": {}}

    def record(name, loss, extra=None, gradients=None):
        facts["cases"][name] = {"loss": loss.item(), **(extra or {})}
        gradients = gradients or model.gradients(loss)
        tensors.update({f"{name}/{k}": v for k, v in gradients.items()})

    beta = 0.3
    ratio = max(beta, 1 - beta)
    record("mm", mixed_loss(model, inputs, labels, every, partners, {"audio": ratio, "rgb": ratio}, ratio),
           {"beta": beta, "ratios": {"audio": ratio, "rgb": ratio}})
    rho = {"audio": 1.6, "rgb": 1 / 1.6}
    ratios = balance(ratio, rho, 1)
    record("b-mm", mixed_loss(model, inputs, labels, every, partners, ratios, ratio),
           {"beta": beta, "rho": rho, "gamma": 1, "ratios": ratios})
    record("b-mm-missing", mixed_loss(model, inputs, labels, some, partners, ratios, ratio),
           {"beta": beta, "rho": rho, "gamma": 1, "ratios": ratios})

    features = model.encode(inputs, every)
    loss = F.cross_entropy(model.fuse(features, every), labels)
    gradients = model.gradients(loss)
    record("joint", loss, gradients=gradients)
    scores = {}
    for name in ("audio", "rgb"):
        probability = F.softmax(model.branch(model.encode(inputs, every), name), 1)
        scores[name] = probability[torch.arange(SIZE), labels].sum().item()
    alpha = 0.8
    rho = {"audio": scores["audio"] / scores["rgb"], "rgb": scores["rgb"] / scores["audio"]}
    k = {name: 1 - math.tanh(alpha * max(0, r)) if r > 1 else 1 for name, r in rho.items()}
    modulated = {
        key: grad * k[key.split(".")[0]] if grad.dim() == 4 else grad for key, grad in gradients.items()
    }
    record("ogm", loss, {"alpha": alpha, "scores": scores, "rho": rho, "coefficients": k}, modulated)

    features = model.encode(inputs, every)
    alone = sum(F.cross_entropy(model.branch(features, name), labels) for name in ("audio", "rgb"))
    facts["branchLossSum"] = alone.item()
    write_safetensors("methods", tensors)
    write_json("methods", facts)


# ---------------------------------------------------------------------------------------------- optimisers


def make_optimizers():
    start = f32(torch.randn(5))
    grads = [f32(torch.randn(5)) for _ in range(5)]
    rates = [0.1, 0.1, 0.05, 0.05, 0.01]
    makers = {
        "sgd": (lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, weight_decay=0.01),
                {"name": "sgd", "momentum": 0.9, "weightDecay": 0.01}),
        "adam": (lambda p: torch.optim.Adam(p, 0.1, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.01),
                 {"name": "adam", "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8, "weightDecay": 0.01}),
        "adamw": (lambda p: torch.optim.AdamW(p, 0.1, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.01),
                  {"name": "adamw", "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8, "weightDecay": 0.01}),
    }
    cases = {}
    for name, (make, config) in makers.items():
        weight = start.clone().requires_grad_()
        optimizer = make([weight])
        steps = []
        for grad, rate in zip(grads, rates):
            optimizer.param_groups[0]["lr"] = rate
            weight.grad = grad.clone()
            optimizer.step()
            steps.append(weight.tolist())
        cases[name] = {"config": config, "weights": steps}
    write_json("optimizers", {"start": start.tolist(), "gradients": [g.tolist() for g in grads],
                              "rates": rates, "cases": cases})


if __name__ == "__main__":
    make_resnet()
    make_kernels()
    make_methods()
    make_optimizers()
