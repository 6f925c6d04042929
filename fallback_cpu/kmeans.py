"""k-means: k-means++ seeds, Lloyd iterations, all distances by blocked matrix products."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from fastdup_gpu._errors import InvalidArgument
from fastdup_gpu.fallback_cpu.exact import FlatIndex
from fastdup_gpu.fallback_cpu.rows import squared, usable
from fastdup_gpu.fallback_cpu.workers import blocks
from fastdup_gpu.protocol import F32, F64, I64, Clusters, SearchPlan

_BLOCK = 4096
# Rows that seeds are drawn from: this many, or this many for each cluster.
_SEED_ROWS = 20_000
_SEED_ROWS_EACH = 20


def kmeans(features: F32, *, clusters: int, iterations: int, nearest: int, seed: int) -> Clusters:
    """k-means of f32[n, d]; the same input and seed give the same result.

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
    n = len(features)
    size = min(n, max(_SEED_ROWS, _SEED_ROWS_EACH * clusters))
    rows = clean(features[np.sort(rng.choice(n, size, replace=False))])
    lengths = squared(rows)
    draws = 2 + int(np.log(clusters))
    chosen = [int(rng.integers(size))]
    gaps = _gaps(rows, lengths, chosen)[0]
    while len(chosen) < clusters:
        total = np.cumsum(gaps, dtype=np.float64)
        picks = np.searchsorted(total, rng.random(draws) * total[-1], side="right")
        picks = np.minimum(picks, size - 1)
        tried = np.minimum(_gaps(rows, lengths, picks), gaps)
        best = int(np.argmin(tried.sum(axis=1, dtype=np.float64)))
        chosen.append(int(picks[best]))
        gaps = tried[best]
    return rows[chosen]


def lloyd(features: F32, centroids: F32, iterations: int) -> F32:
    """Centroids f32[c, d] after at most `iterations` rounds, fewer where nothing moves.

    A centroid that no row is nearest to moves to the row farthest from its own centroid.
    """
    before = np.full(len(features), -1, dtype=np.int64)
    for _ in range(iterations):
        labels, gaps, sums = _assign(features, centroids)
        counts = np.bincount(labels[gaps >= 0], minlength=len(centroids))
        empty = np.flatnonzero(counts == 0)
        if not len(empty) and np.array_equal(labels, before):
            break
        before = labels
        centroids = np.where(
            counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], centroids
        ).astype(np.float32)
        farthest = np.argsort(-gaps, kind="stable")[: len(empty)]
        farthest = farthest[gaps[farthest] > 0]
        centroids[empty[: len(farthest)]] = features[farthest]
    return centroids


def nearest_centroid(rows: F32, centroids: F32) -> tuple[I64, F32]:
    """For each clean row the nearest centroid, lowest number first, and the squared distance."""
    affinity = closeness(rows, centroids)
    labels = affinity.argmax(axis=1)
    best = affinity[np.arange(len(rows)), labels]
    return labels, np.maximum(squared(rows) - 2 * best, 0)


def closeness(rows: F32, centroids: F32) -> F32:
    """f32[m, c]: half the row's squared length minus half the squared distance."""
    affinity: F32 = np.matmul(rows, centroids.T)
    affinity -= squared(centroids) / 2
    return affinity


def clean(rows: F32) -> F32:
    """The rows with unusable ones zeroed."""
    good = usable(squared(rows))
    return rows if good.all() else np.where(good[:, None], rows, np.float32(0))


def _assign(features: F32, centroids: F32) -> tuple[I64, F32, F64]:
    """Labels, squared distances (-1 for unusable rows), and sums of the rows of each cluster."""
    n, c = len(features), len(centroids)
    labels, gaps = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.float32)
    sums = np.zeros((c, features.shape[1]))
    for part in blocks(n, _BLOCK):
        good = usable(squared(features[part]))
        rows = clean(features[part])
        labels[part], gaps[part] = nearest_centroid(rows, centroids)
        gaps[part][~good] = -1
        places = labels[part], np.arange(len(rows))
        member = sparse.csr_array((good.astype(np.float64), places), shape=(c, len(rows)))
        sums += member @ rows
    return labels, gaps, sums


def _gaps(rows: F32, lengths: F32, picks: I64 | list[int]) -> F32:
    """Squared distances f32[picks, rows] from picked rows to all."""
    gaps: F32 = np.matmul(rows[picks], rows.T)
    gaps *= -2
    gaps += lengths
    gaps += lengths[picks][:, None]
    np.maximum(gaps, 0, out=gaps)
    gaps[np.arange(len(picks)), picks] = 0
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
