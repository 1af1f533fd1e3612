"""Golden values of the metrics, from scikit-learn and NumPy.

    python -m venv venv && venv/bin/pip install scikit-learn
    venv/bin/python make_metrics.py > metrics.json
"""
import json
import sys
import warnings

import numpy as np
from sklearn.metrics import accuracy_score, average_precision_score, confusion_matrix, f1_score

warnings.filterwarnings("ignore")


def calibration_error(labels, probabilities, bins=15):
    confidence = probabilities.max(1)
    right = probabilities.argmax(1) == labels
    edges = np.linspace(0, 1, bins + 1)
    error = 0.0
    for low, high in zip(edges[:-1], edges[1:]):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return float(error)


def case(name, labels, probabilities):
    labels = np.asarray(labels)
    probabilities = np.asarray(probabilities, dtype=np.float64)
    classes = probabilities.shape[1]
    predicted = probabilities.argmax(1)
    precisions = [
        average_precision_score(labels == k, probabilities[:, k]) for k in range(classes) if (labels == k).any()
    ]
    return {
        "name": name,
        "classCount": classes,
        "labels": labels.tolist(),
        "probabilities": probabilities.ravel().tolist(),
        "predicted": predicted.tolist(),
        "accuracy": float(accuracy_score(labels, predicted)),
        "macroF1": float(f1_score(labels, predicted, average="macro", zero_division=0)),
        "meanAveragePrecision": float(np.mean(precisions)),
        "expectedCalibrationError": calibration_error(labels, probabilities),
        "confusion": confusion_matrix(labels, predicted, labels=range(classes)).tolist(),
    }


def softmax(x):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def guesses(generator, labels, classes, skill):
    return softmax(generator.normal(size=(len(labels), classes)) + skill * np.eye(classes)[labels])


g = np.random.default_rng(7)
ten = g.integers(0, 10, 80)
gap = g.choice([0, 2, 3], 40)
cases = [
    case("ten classes", ten, guesses(g, ten, 10, 2.0)),
    case("a class without samples", gap, guesses(g, gap, 4, 1.0)),
    case("a class neither true nor predicted", [0, 0, 1, 1], [[0.7, 0.3, 0], [0.4, 0.6, 0], [0.2, 0.8, 0], [0.1, 0.9, 0]]),
    case("ties in every score", [0, 1, 2, 0, 1, 2, 2, 1], np.round(guesses(g, np.array([0, 1, 2, 0, 1, 2, 2, 1]), 3, 1.0) * 4) / 4),
    case("nothing but ties", [0, 1, 1, 2], np.full((4, 3), 1 / 3)),
    case("all of one class", [1, 1, 1], [[0.2, 0.8], [0.6, 0.4], [0.1, 0.9]]),
    case("one class in all", [0, 0], [[1.0], [1.0]]),
    case("everything right and sure", [0, 1, 2], np.eye(3)),
    case("everything wrong and sure", [1, 2, 0], np.eye(3)),
    case("one sample", [1], [[0.25, 0.75]]),
]
json.dump({"cases": cases}, sys.stdout, indent=1)
