"""The training step of two ResNet-18s in PyTorch, channels last: python training_step.py METHOD BATCH WARM_UP STEPS THREADS [bfloat16] [compiled] [cuda]

Prints {"torch", "ms" of each step after the warm-up, "rssMiB" at its peak}. The batch is made once: the peer reads no data.
"""

import json
import resource
import sys
import time

import torch
from torch import nn
from torch.nn import functional

from resnet import resnet18

CLASSES = 6


def main():
    method, batch, warm_up, steps, threads = sys.argv[1], *map(int, sys.argv[2:6])
    options = set(sys.argv[6:])
    device = "cuda" if "cuda" in options else "cpu"
    mixed = "bfloat16" in options
    torch.manual_seed(0)
    torch.set_num_threads(threads)
    encoders = {"audio": resnet18(1), "rgb": resnet18(3)}
    for encoder in encoders.values():
        encoder.to(device, memory_format=torch.channels_last)
    head = nn.Linear(1024, CLASSES).to(device)
    parameters = [p for module in (*encoders.values(), head) for p in module.parameters()]
    # One kernel for all parameters, where it is there on the CPU.
    fused = {"fused": True} if int(torch.__version__.split(".")[0]) >= 2 else {}
    optimizer = torch.optim.SGD(parameters, 1e-3, momentum=0.9, weight_decay=1e-4, **fused)
    images = {
        "audio": torch.randn(batch, 1, 257, 188).to(device, memory_format=torch.channels_last),
        "rgb": torch.randn(batch, 3, 224, 224).to(device, memory_format=torch.channels_last),
    }
    labels = torch.arange(batch, device=device) % CLASSES
    hard = functional.one_hot(labels, CLASSES).float()
    shares = torch.distributions.Beta(1.0, 1.0)

    run = {name: torch.compile(encoder) if "compiled" in options else encoder for name, encoder in encoders.items()}

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, torch.bfloat16, enabled=mixed):
            loss, features = forward()
        loss.backward()
        if method == "ogm-ge":
            modulate({name: z.float() for name, z in features.items()})
        optimizer.step()
        return loss.item()

    def forward():
        features = {name: encode(images[name]) for name, encode in run.items()}
        if method in ("mm", "b-mm"):
            pairs = torch.randperm(batch)
            shared = shares.sample()
            ratios = {name: shared if method == "mm" else shares.sample() for name in features}
            mixed = {name: ratios[name] * z + (1 - ratios[name]) * z[pairs] for name, z in features.items()}
            mean = sum(ratios.values()) / len(ratios)
            target = mean * hard + (1 - mean) * hard[pairs]
            logits = head(torch.cat(list(mixed.values()), 1))
            loss = -(target * functional.log_softmax(logits, 1)).sum(1).mean()
        else:
            loss = functional.cross_entropy(head(torch.cat(list(features.values()), 1)), labels)
        return loss, features

    def modulate(features):
        """As the authors' code (Peng et al., CVPR 2022) does, with generalisation enhancement."""
        with torch.no_grad():
            halves = dict(zip(features, head.weight.split(512, 1)))
            scores = {
                name: torch.softmax(z @ halves[name].T + head.bias / 2, 1)[torch.arange(batch), labels].sum()
                for name, z in features.items()
            }
            ratio = {"audio": scores["audio"] / scores["rgb"], "rgb": scores["rgb"] / scores["audio"]}
            for name, encoder in encoders.items():
                k = 1 - torch.tanh(0.1 * ratio[name]) if ratio[name] > 1 else 1.0
                for p in encoder.parameters():
                    if p.dim() == 4:
                        noise = torch.zeros_like(p.grad).normal_(0, p.grad.std().item() + 1e-8)
                        p.grad = p.grad * k + noise

    times = []
    for index in range(warm_up + steps):
        started = time.perf_counter()
        step()
        if index >= warm_up:
            times.append((time.perf_counter() - started) * 1e3)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"torch": torch.__version__, "ms": times, "rssMiB": peak}))


main()
