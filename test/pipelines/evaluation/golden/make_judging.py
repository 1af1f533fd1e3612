"""Golden values of linear probes, temperature scaling, scores by class and intervals over groups.

    python -m venv venv && venv/bin/pip install numpy scipy scikit-learn
    venv/bin/python make_judging.py > judging.json
"""
import json
import warnings

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.linear_model import Ridge
from sklearn.metrics import precision_recall_fscore_support
from sklearn.preprocessing import StandardScaler

warnings.filterwarnings("ignore")
rng = np.random.default_rng(11)


def probe():
    n, size, classes = 90, 6, 3
    labels = rng.integers(0, classes, n)
    features = (rng.normal(size=(n, size)) * [1, 5, 0.1, 2, 1, 1] + labels[:, None] * [0.5, 1, 0.05, 0, 0, 3] + 4).astype(np.float32)
    features[:, 3] = np.maximum(0, features[:, 3] - 5)
    features[:, 4] = 2.5
    scaler = StandardScaler().fit(features.astype(np.float64))
    x = scaler.transform(features.astype(np.float64))
    cases = []
    for strength in [1e-3, 0.1, 10]:
        model = Ridge(alpha=strength * n).fit(x, np.eye(classes)[labels])
        logits = model.predict(x)
        cases.append({"strength": strength, "logits": logits.ravel().tolist()})
    return {"size": size, "classes": classes, "labels": labels.tolist(), "features": features.ravel().astype(float).tolist(), "cases": cases}


def temperature(name, n, classes, factor, noise):
    labels = rng.integers(0, classes, n)
    logits = np.round(factor * (np.eye(classes)[labels] + noise * rng.normal(size=(n, classes))), 4)
    loss = lambda t: -log_softmax(logits / t, axis=1)[np.arange(n), labels].mean()
    best = minimize_scalar(lambda u: loss(np.exp(u)), bounds=(np.log(0.05), np.log(20)), method="bounded", options={"xatol": 1e-10})
    return {"name": name, "classCount": classes, "labels": labels.tolist(), "logits": logits.ravel().tolist(), "temperature": float(np.exp(best.x)), "loss": float(best.fun), "lossBefore": float(loss(1.0))}


def by_class():
    labels = rng.integers(0, 5, 60)
    labels[labels == 4] = 0
    predicted = np.where(rng.random(60) < 0.6, labels, rng.integers(0, 3, 60))
    confusion = np.zeros((5, 5), dtype=int)
    np.add.at(confusion, (labels, predicted), 1)
    precision, recall, f1, clips = precision_recall_fscore_support(labels, predicted, labels=range(5), zero_division=np.nan)
    none = lambda values: [None if np.isnan(v) else float(v) for v in values]
    return {"confusion": confusion.tolist(), "precision": none(precision), "recall": none(recall), "f1": none(f1), "clips": clips.tolist()}


def groups():
    count, resamples = 24, 200_000
    clips = rng.integers(5, 60, count)
    skill = np.clip(rng.normal(0.7, 0.15, count), 0, 1)
    right = rng.binomial(clips, skill)
    other = np.clip(right - rng.binomial(clips, 0.08) + rng.binomial(clips, 0.02), 0, clips)
    draws = rng.integers(0, count, (resamples, count))
    below = clips[draws].sum(1)
    interval = lambda above: np.quantile(above[draws].sum(1) / below, [0.025, 0.975]).tolist()
    n, p = clips.sum(), right.sum() / clips.sum()
    return {
        "clips": clips.tolist(),
        "right": right.tolist(),
        "other": other.tolist(),
        "interval": interval(right),
        "difference": interval(right - other),
        "binomial": [float(p - 1.96 * np.sqrt(p * (1 - p) / n)), float(p + 1.96 * np.sqrt(p * (1 - p) / n))],
    }


print(json.dumps({"probe": probe(), "temperatures": [temperature("too sure", 200, 5, 9, 0.6), temperature("not sure enough", 150, 3, 0.7, 0.3)], "byClass": by_class(), "groups": groups()}, separators=(",", ":")))
