"""Golden values of planned contrasts, by NumPy and SciPy from single clips: python make_contrasts.py > contrasts.json

The statistics are computed another way than the product does: the cluster-robust error as a least-squares sandwich over
clips, the sign-flip test and the bootstrap by listing every outcome there is.
"""
import itertools
import json

import numpy as np
from scipy import stats

rng = np.random.default_rng(16)
SEEDS = 3
# Two folds of other sizes; speaker "ann" is tested in both.
FOLDS = {
    "one": ["ann"] * 9 + ["bob"] * 14 + ["cyd"] * 7,
    "two": ["ann"] * 5 + ["dan"] * 21 + ["eve"] * 10,
}
RATE = {"joint": 0.55, "mm": 0.62, "b-mm": 0.75}
ease = {g: rng.normal(0, 0.12) for g in ("ann", "bob", "cyd", "dan", "eve")}
hits = {
    m: {
        f: [[int(rng.random() < RATE[m] + ease[g]) for g in groups] for _ in range(SEEDS)] for f, groups in FOLDS.items()
    }
    for m in RATE
}


def t_interval(values):
    v = np.array(values)
    low, high = stats.t.interval(0.95, len(v) - 1, loc=v.mean(), scale=stats.sem(v))
    return [float(low), float(high)]


def contrast(first, second):
    blocks = [
        np.mean(hits[first][f][s]) - np.mean(hits[second][f][s]) for f in FOLDS for s in range(SEEDS)
    ]
    d, g = [], []
    for f, groups in FOLDS.items():
        for s in range(SEEDS):
            d += (np.array(hits[first][f][s]) - np.array(hits[second][f][s])).tolist()
            g += groups
    d, g = np.array(d, float), np.array(g)
    names = np.unique(g)
    size = len(names)
    # Least squares on a constant, errors clustered: (X'X)^-1 (sum_g X_g'u_g u_g'X_g) (X'X)^-1, times G / (G - 1).
    x = np.ones((len(d), 1))
    beta = np.linalg.lstsq(x, d, rcond=None)[0]
    u = d - x @ beta
    bread = np.linalg.inv(x.T @ x)
    meat = sum(np.outer(x[g == n].T @ u[g == n], x[g == n].T @ u[g == n]) for n in names)
    error = float(np.sqrt((bread @ meat @ bread)[0, 0] * size / (size - 1)))
    half = float(stats.t.ppf(0.975, size - 1)) * error
    sums = np.array([d[g == n].sum() for n in names])
    counts = np.array([(g == n).sum() for n in names])
    flips = np.array(list(itertools.product([-1, 1], repeat=size))) @ sums
    drawn = np.array(list(itertools.product(range(size), repeat=size)))
    means = sums[drawn].sum(1) / counts[drawn].sum(1)
    return {
        "first": first,
        "second": second,
        "difference": float(np.mean(blocks)),
        "blocks": {
            "count": len(blocks),
            "interval": t_interval(blocks),
            "p": float(stats.wilcoxon(np.round(blocks, 9), method=stats.PermutationMethod(10**6)).pvalue),
        },
        "groups": {
            "count": size,
            "interval": [float(beta[0]) - half, float(beta[0]) + half],
            # Every one of the G^G draws.
            "bootstrap": np.percentile(means, [2.5, 97.5]).tolist(),
            "p": float(np.mean(np.abs(flips) >= abs(sums.sum()) - 1e-9)),
        },
    }


print(
    json.dumps(
        {
            "folds": {f: " ".join(groups) for f, groups in FOLDS.items()},
            "hits": {m: {f: ["".join(map(str, s)) for s in seeds] for f, seeds in of.items()} for m, of in hits.items()},
            "contrasts": [contrast(*pair) for pair in (("b-mm", "mm"), ("mm", "joint"), ("b-mm", "joint"))],
            "student": [
                {"within": w, "df": df, "t": float(stats.t.ppf((1 + w) / 2, df))}
                for w in (0.5, 0.95, 0.999)
                for df in (1, 2, 5, 11, 59, 1499)
            ],
            "beta": [
                {"x": x, "a": a, "b": b, "value": float(stats.beta.cdf(x, a, b))}
                for x in (0.01, 0.3, 0.7, 0.99)
                for a, b in ((0.5, 0.5), (2, 3), (30, 0.5))
            ],
        },
        indent=1,
    )
)
