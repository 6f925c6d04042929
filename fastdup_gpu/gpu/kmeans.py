"""k-means: k-means++ seeds, Lloyd iterations by cuVS."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastdup_gpu._errors import InvalidArgument
from fastdup_gpu.gpu import memory
from fastdup_gpu.gpu.coarse import resources
from fastdup_gpu.gpu.exact import FlatIndex
from fastdup_gpu.gpu.rows import cleaned, squared
from fastdup_gpu.protocol import F32, Clusters, SearchPlan

# Rows that seeds are drawn from: this many, or this many for each cluster.
_SEED_ROWS = 20_000
_SEED_ROWS_EACH = 20
_REPAIRS = 5  # times that empty clusters are moved
# Share of the free memory that rows on the device may take; more rows are streamed by cuVS.
_SHARE = 0.4


def kmeans(features: F32, *, clusters: int, iterations: int, nearest: int, seed: int) -> Clusters:
    """k-means of f32[n, d]; the same input and seed give the same start.

    Unusable rows (see rows.py) move no centroid and are at distance inf. `ids` and `distances`
    are padded with -1 and nan where `nearest` exceeds `clusters`.
    """
    _check(features, clusters, iterations, nearest)
    start = seeds(features, clusters, np.random.default_rng(seed))
    centroids = lloyd(features, start, iterations)
    found = FlatIndex(centroids, SearchPlan("euclidean")).search(features, nearest)
    return Clusters(centroids, found.ids, np.square(found.scores))


def seeds(features: F32, clusters: int, rng: np.random.Generator) -> F32:
    """Greedy k-means++ on a sample: each seed is the best of a few draws by squared distance."""
    import cupy

    n = len(features)
    size = min(n, max(_SEED_ROWS, _SEED_ROWS_EACH * clusters))
    sample = features[np.sort(rng.choice(n, size, replace=False))]
    rows, _ = cleaned(cupy.asarray(np.ascontiguousarray(sample, np.float32)))
    draws = 2 + int(np.log(clusters))
    chosen = [int(rng.integers(size))]
    gaps = _gaps(rows, cupy.asarray(chosen))[0]
    while len(chosen) < clusters:
        total = cupy.cumsum(gaps, dtype=np.float64)
        picks = cupy.searchsorted(total, cupy.asarray(rng.random(draws)) * total[-1], side="right")
        picks = cupy.minimum(picks, size - 1)
        tried = cupy.minimum(_gaps(rows, picks), gaps[None, :])
        best = int(tried.sum(axis=1, dtype=np.float64).argmin())
        chosen.append(int(picks[best]))
        gaps = tried[best]
    centroids: F32 = cupy.asnumpy(rows[cupy.asarray(chosen)])
    return centroids


def lloyd(features: F32, centroids: F32, iterations: int) -> F32:
    """Centroids f32[c, d] after at most `iterations` rounds, fewer where nothing moves.

    A centroid that no row is nearest to moves to the row farthest from its own centroid.
    """
    rows = _usable_rows(features)
    if not len(rows):
        return centroids
    for _ in range(_REPAIRS):
        centroids = _fit(rows, centroids, iterations)
        moved = _without_empty(rows, centroids)
        if moved is None:
            break
        centroids, iterations = moved, 1
    return centroids


def _fit(rows: Any, centroids: F32, iterations: int) -> F32:
    import cupy
    from cuvs.cluster import kmeans as cuvs

    params = cuvs.KMeansParams(
        metric="sqeuclidean",
        n_clusters=len(centroids),
        init_method="Array",
        max_iter=iterations,
        tol=1e-12,  # cuVS refuses 0
        n_init=1,
    )
    handle = resources()
    found, _, _ = cuvs.fit(params, rows, centroids=cupy.array(centroids), resources=handle)
    handle.sync()
    fitted: F32 = cupy.asnumpy(cupy.asarray(found))
    return fitted


def _without_empty(rows: Any, centroids: F32) -> F32 | None:
    """Centroids with those that no row is nearest to moved to far rows; None where none is."""
    host = rows if isinstance(rows, np.ndarray) else rows.get()
    found = FlatIndex(centroids, SearchPlan("euclidean")).search(host, 1)
    counts = np.bincount(found.ids[:, 0], minlength=len(centroids))
    empty = np.flatnonzero(counts == 0)
    farthest = np.argsort(-found.scores[:, 0], kind="stable")[: len(empty)]
    farthest = farthest[found.scores[farthest, 0] > 0]
    if not len(farthest):
        return None
    moved = centroids.copy()
    moved[empty[: len(farthest)]] = host[farthest]
    return moved


def _usable_rows(features: F32) -> Any:
    """The usable rows: on the device where they fit, else in host memory."""
    import cupy

    n, d = features.shape
    good = np.empty(n, bool)
    size = memory.rows_that_fit(12 * d, _SHARE, n)
    for start in range(0, n, size):
        part = np.ascontiguousarray(features[start : start + size], np.float32)
        rows, usable = cleaned(cupy.asarray(part))
        good[start : start + size] = cupy.asnumpy(usable)
    if size >= n:
        return rows if good.all() else cupy.ascontiguousarray(rows[cupy.asarray(good)])
    return np.ascontiguousarray(features if good.all() else features[good], np.float32)


def _gaps(rows: Any, picks: Any) -> Any:
    """Squared distances f32[picks, rows] from picked rows to all."""
    import cupy

    lengths = squared(rows)
    gaps = lengths[picks][:, None] + lengths[None, :] - 2 * cupy.matmul(rows[picks], rows.T)
    gaps = cupy.maximum(gaps, np.float32(0))
    gaps[cupy.arange(len(picks)), picks] = 0
    return gaps


def _check(features: F32, clusters: int, iterations: int, nearest: int) -> None:
    for name, value in (("clusters", clusters), ("iterations", iterations), ("nearest", nearest)):
        if value < 1:
            raise InvalidArgument(f"{name}={value} was given; it has to be 1 or more.")
    if clusters > len(features):
        raise InvalidArgument(
            f"clusters={clusters} was given for {len(features)} rows; ask for at most as many "
            "clusters as there are rows."
        )
