"""Golden folds by scikit-learn's StratifiedGroupKFold: python make_folds.py > folds.json"""
import json

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

rng = np.random.default_rng(3)
cases = []
for groups, classes, folds, most in ((6, 3, 3, 20), (12, 4, 5, 40), (40, 6, 4, 9), (30, 5, 6, 30)):
    counts = rng.integers(0, most, size=(groups, classes)) * rng.integers(0, 2, size=(groups, classes))
    counts[:, 0] += 1
    y = np.concatenate([np.repeat(np.arange(classes), row) for row in counts])
    g = np.concatenate([np.full(row.sum(), i) for i, row in enumerate(counts)])
    fold = np.zeros(groups, int)
    for i, (_, test) in enumerate(StratifiedGroupKFold(folds).split(np.zeros(len(y)), y, g)):
        fold[np.unique(g[test])] = i
    cases.append({"counts": counts.tolist(), "folds": folds, "dealt": fold.tolist()})
print(json.dumps(cases))
