"""Golden values of UMAP, from umap-learn and scikit-learn.

    python -m venv venv && venv/bin/pip install umap-learn==0.5.9.post2
    venv/bin/python make_umap.py > umap.json
"""
import json
import sys

import numpy as np
from sklearn.manifold import trustworthiness
from umap import UMAP
from umap.umap_ import (
    compute_membership_strengths,
    find_ab_params,
    fuzzy_simplicial_set,
    nearest_neighbors,
    smooth_knn_dist,
)

POINTS, FEATURES, QUERIES, K = 160, 5, 12, 8


def bent_sheet(rng, count):
    """A sheet, bent in five dimensions, with a little noise."""
    u, v = rng.uniform(0, 4, count), rng.uniform(0, 2, count)
    rows = np.stack([np.cos(u), np.sin(u), v, u * v / 4, u / 4], 1) + 0.02 * rng.normal(size=(count, FEATURES))
    return np.round(rows, 3).astype(np.float32)


rng = np.random.default_rng(0)
points, queries = bent_sheet(rng, POINTS), bent_sheet(rng, QUERIES)
points[7] = points[3]

indices, distances, _ = nearest_neighbors(points, K, "euclidean", {}, False, np.random.RandomState(0))
graph, _, _ = fuzzy_simplicial_set(points, K, np.random.RandomState(0), "euclidean", knn_indices=indices, knn_dists=distances)
graph = graph.tocoo()

between = np.linalg.norm(queries[:, None].astype(np.float64) - points[None], axis=2)
near = np.argsort(between, axis=1, kind="stable")[:, :K].astype(np.int32)
near_distances = np.take_along_axis(between, near, axis=1).astype(np.float32)
sigmas, rhos = smooth_knn_dist(near_distances, float(K), local_connectivity=0.0)
_, _, strengths, _ = compute_membership_strengths(near, near_distances, sigmas, rhos, bipartite=True)

trust = [
    trustworthiness(points, UMAP(n_neighbors=15, min_dist=0.1, init="pca", random_state=seed).fit_transform(points), n_neighbors=10)
    for seed in range(5)
]

json.dump(
    {
        "k": K,
        "points": [[round(float(v), 3) for v in row] for row in points],
        "queries": [[round(float(v), 3) for v in row] for row in queries],
        "neighbours": {
            "indices": near.ravel().tolist(),
            "distances": [round(float(v), 6) for v in near_distances.ravel()],
            "strengths": [round(float(v), 6) for v in strengths],
        },
        "graph": sorted([int(i), int(j), round(float(w), 6)] for i, j, w in zip(graph.row, graph.col, graph.data) if w > 0),
        "curves": [[d, *(round(float(v), 6) for v in find_ab_params(1.0, d))] for d in (0.0, 0.1, 0.5)],
        "trustworthiness": {"k": 10, "mean": round(float(np.mean(trust)), 4), "least": round(float(min(trust)), 4)},
    },
    sys.stdout,
)
