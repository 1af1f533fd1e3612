"""Golden values of the statistics, by SciPy: python make_golden.py > statistics.json"""
import itertools
import json

import numpy as np
from scipy import stats

rng = np.random.default_rng(5)


def sign_flip(d):
    d = np.array(d)
    sums = np.array([np.dot(signs, np.abs(d)) for signs in itertools.product([-1, 1], repeat=len(d))])
    return float(np.mean(np.abs(sums) >= abs(d.sum())))


flips = [[1, 1, -1, 2, 3, 0, -2, 1], [3, 2, 1], [1, -1], [2, 2, 2, 2, 1, 1, -3, 1, 0, 0, 2]]
mcnemar = [(3, 11), (0, 6), (7, 7), (20, 41)]
no_ties = [rng.permutation(np.arange(1, n + 1) * np.where(rng.random(n) < 0.3, -1, 1)).tolist() for n in (3, 6, 12, 20)]
ties = [[1, 1, 2, -2, 3], [0, 0, 1, 1, 1, -1, 4], [0.5, 0.5, 0.5]]


def wilcoxon_with_ties(d):
    # SciPy enumerates every sign where there are few enough.
    method = stats.PermutationMethod(n_resamples=10**6)
    return float(stats.wilcoxon([x for x in d if x != 0], zero_method="wilcox", method=method).pvalue)


blocks = [rng.random((n, k)).tolist() for n, k in ((3, 5), (10, 4), (30, 17))]
blocks.append(np.round(rng.random((8, 5)), 1).tolist())
friedman = []
for b in blocks:
    statistic, p = stats.friedmanchisquare(*np.array(b).T)
    ranks = stats.rankdata(-np.array(b), axis=1).mean(axis=0)
    friedman.append({"blocks": b, "statistic": float(statistic), "p": float(p), "ranks": ranks.tolist()})

ps = [[0.01, 0.04, 0.03, 0.005], [0.2, 0.2, 0.9], [0.001]]


def holm(p):
    order = np.argsort(p, kind="stable")
    scaled = np.minimum(1, np.array(p)[order] * (len(p) - np.arange(len(p))))
    out = np.empty(len(p))
    out[order] = np.maximum.accumulate(scaled)
    return out.tolist()


print(
    json.dumps(
        {
            "signFlip": [{"differences": d, "p": sign_flip(d)} for d in flips],
            "mcnemar": [
                {"onlyFirst": a, "onlySecond": b, "p": float(stats.binomtest(a, a + b).pvalue)} for a, b in mcnemar
            ],
            "wilcoxon": [
                {"differences": d, "p": float(stats.wilcoxon(d, method="exact").pvalue)} for d in no_ties
            ]
            + [{"differences": d, "p": wilcoxon_with_ties(d)} for d in ties],
            "holm": [{"ps": p, "corrected": holm(p)} for p in ps],
            "friedman": friedman,
            "chiSquareTail": [
                {"x": x, "df": df, "p": float(stats.chi2.sf(x, df))}
                for x in (0.1, 1, 4.5, 20, 60)
                for df in (1, 2, 4, 16)
            ],
            "rangeQuantile": [
                {"methods": k, "q": float(stats.studentized_range.ppf(0.95, k, np.inf))} for k in (2, 5, 10, 17)
            ],
        },
        indent=1,
    )
)
