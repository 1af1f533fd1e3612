"""What training's options compute, in PyTorch; writes training-options.json. See README.md beside this file.

    /usr/bin/python3 test/pipelines/training/golden/make_training_options.py
"""
import torch
import torch.nn.functional as F

from make_golden import f32, write_json

torch.manual_seed(16)


def named(values):
    return {name: value.tolist() for name, value in values.items()}


def make_late():
    """Two parameters, the second without a gradient at first and once in between."""
    start = {"early": f32(torch.randn(5)), "late": f32(torch.randn(4))}
    steps = [{"early"}, {"early"}, {"early"}, {"early", "late"}, {"early", "late"}, {"late"}, {"early", "late"}]
    gradients = [{name: f32(torch.randn_like(start[name])) for name in sorted(given)} for given in steps]
    rates = [0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.01]
    settings = {"lr": 0.1, "betas": (0.9, 0.99), "eps": 1e-8, "weight_decay": 0.01}
    makers = {
        "adam": lambda p: torch.optim.Adam(p, **settings),
        "adamw": lambda p: torch.optim.AdamW(p, **settings),
        "sgd": lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, weight_decay=0.01),
    }
    cases = {}
    for name, make in makers.items():
        weights = {key: value.clone().requires_grad_() for key, value in start.items()}
        optimizer = make(list(weights.values()))
        cases[name] = []
        for given, rate in zip(gradients, rates):
            optimizer.param_groups[0]["lr"] = rate
            for key, weight in weights.items():
                weight.grad = given[key].clone() if key in given else None
            optimizer.step()
            cases[name].append(named(weights))
    return {"start": named(start), "gradients": [named(g) for g in gradients], "rates": rates, "cases": cases}


def make_groups():
    """Encoders at a tenth of the rate; parameters with one axis do not decay; the length is clipped to 1.5."""
    shapes = {"audio.conv": (2, 3), "audio.scale": (3,), "fusion.weight": (3, 2), "fusion.bias": (2,)}
    start = {name: f32(torch.randn(shape)) for name, shape in shapes.items()}
    gradients = [{name: f32(size * torch.randn(shape)) for name, shape in shapes.items()} for size in (1, 0.1, 2)]
    cases, norms = {}, []
    for name in ("sgd", "adam", "adamw"):
        weights = {key: value.clone().requires_grad_() for key, value in start.items()}
        groups = [
            {"params": [weight], "lr": 0.05 * (0.1 if key.startswith("audio.") else 1),
             "weight_decay": 0.1 if weight.dim() > 1 else 0}
            for key, weight in weights.items()
        ]
        optimizer = {
            "sgd": lambda: torch.optim.SGD(groups, 0.05, momentum=0.9),
            "adam": lambda: torch.optim.Adam(groups, betas=(0.9, 0.99), eps=1e-8),
            "adamw": lambda: torch.optim.AdamW(groups, betas=(0.9, 0.99), eps=1e-8),
        }[name]()
        cases[name] = []
        for given in gradients:
            for key, weight in weights.items():
                weight.grad = given[key].clone()
            norm = torch.nn.utils.clip_grad_norm_(list(weights.values()), 1.5).item()
            if name == "sgd":
                norms.append(norm)
            optimizer.step()
            cases[name].append(named(weights))
    return {"start": named(start), "gradients": [named(g) for g in gradients], "norms": norms, "cases": cases}


def make_losses():
    logits = f32(torch.randn(6, 4)).requires_grad_()
    hard = torch.tensor([0, 3, 1, 1, 2, 0])
    mixed = 0.7 * F.one_hot(hard, 4) + 0.3 * F.one_hot(hard.roll(1), 4)
    weights = f32(torch.tensor([0.5, 1.25, 2.0, 0.75]))
    targets = {"hard": F.one_hot(hard, 4).to(logits.dtype), "mixed": mixed.to(logits.dtype)}
    cases = []
    for name, target in targets.items():
        for smoothing in (0.0, 0.1):
            for weight in (None, weights):
                loss = F.cross_entropy(logits, target, weight=weight, label_smoothing=smoothing)
                (gradient,) = torch.autograd.grad(loss, logits)
                cases.append({"labels": name, "smoothing": smoothing, "weighted": weight is not None,
                              "loss": loss.item(), "gradient": gradient.tolist()})
    return {"logits": logits.tolist(), "labels": named(targets), "weights": weights.tolist(), "cases": cases}


if __name__ == "__main__":
    write_json("training-options", {"late": make_late(), "groups": make_groups(), "losses": make_losses()})
