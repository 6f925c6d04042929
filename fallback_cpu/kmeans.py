"""k-means by blocked matrix products; both backends use the same loop."""

from __future__ import annotations

from functools import partial

import numpy as np

from fastdup_gpu import kmeans as _kmeans
from fastdup_gpu.fallback_cpu.blas import at_most
from fastdup_gpu.fallback_cpu.exact import FlatIndex
from fastdup_gpu.fallback_cpu.workers import blocks, count
from fastdup_gpu.indexing.rows import centre, clean, squared, usable
from fastdup_gpu.protocol import F32, F64, I64, Clusters, SearchPlan

_BLOCK = 4096


def kmeans(
    features: F32, *, clusters: int, iterations: int, nearest: int, seed: int, threads: int
) -> Clusters:
    """k-means of f32[n, d]; the same input and seed give the same result. Products take at most
    `threads` threads, 0 = one for each core.

    Unusable rows (see indexing/rows.py) move no centroid and are at distance inf. `ids` and
    `distances` are padded with -1 and nan if `nearest` exceeds `clusters`.
    """
    _kmeans.check(features, clusters, iterations, nearest)
    with at_most(count(threads)):
        start = _kmeans.seeds(features, clusters, seed, _gaps_of, np)
        centroids = lloyd(features, start, iterations)
    plan = SearchPlan("euclidean", threads=threads)
    found = FlatIndex(centroids, plan).search(features, nearest)
    return Clusters(centroids, found.ids, np.square(found.scores))


def lloyd(features: F32, centroids: F32, iterations: int) -> F32:
    """See fastdup_gpu.kmeans.lloyd."""
    return _kmeans.lloyd(features, centroids, iterations, partial(_assign, features))


def nearest_centroid(rows: F32, centroids: F32, middle: F32) -> tuple[I64, F32]:
    """For each clean row the nearest centroid, lowest number first, and the squared distance.

    Both are compared as seen from `middle`, the centre of the centroids (indexing.rows.centre).
    """
    rows = rows - middle
    affinity = closeness(rows, centroids - middle)
    labels = affinity.argmax(axis=1)
    best = affinity[np.arange(len(rows)), labels]
    return labels, np.maximum(squared(rows) - 2 * best, 0)


def closeness(rows: F32, centroids: F32) -> F32:
    """f32[m, c]: half the row's squared length minus half the squared distance."""
    affinity: F32 = np.matmul(rows, centroids.T)
    affinity -= squared(centroids) / 2
    return affinity


def _assign(features: F32, centroids: F32) -> tuple[I64, F32, F64]:
    """See fastdup_gpu.kmeans.Assign."""
    from scipy import sparse  # takes a third of a second, and few runs need it

    n, c, middle = len(features), len(centroids), centre(centroids)
    labels, gaps = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.float32)
    sums = np.zeros((c, features.shape[1]))
    for part in blocks(n, _BLOCK):
        good = usable(squared(features[part]))
        rows = clean(features[part])
        labels[part], gaps[part] = nearest_centroid(rows, centroids, middle)
        gaps[part][~good] = -1
        places = labels[part], np.arange(len(rows))
        member = sparse.csr_array((good.astype(np.float64), places), shape=(c, len(rows)))
        sums += member @ rows
    return labels, gaps, sums


def _gaps_of(sample: F32) -> _kmeans.Gaps:
    sample = sample - centre(sample)
    return partial(_kmeans.gaps_between, sample, squared(sample), xp=np)
