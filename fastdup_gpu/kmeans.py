"""k-means for both backends: k-means++ seeds and Lloyd iterations; a backend provides the products.

Both share one loop, and sums are computed in a fixed order, so the same input, seed and backend
give the same clusters.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from fastdup_gpu._errors import InvalidArgument
from fastdup_gpu.indexing.rows import clean
from fastdup_gpu.protocol import F32, F64, I64

# Number of rows from which seeds are drawn: in total, or for each cluster if that is more.
_SEED_ROWS = 20_000
_SEED_ROWS_EACH = 20

# Centroids f32[c, d] -> labels i64[n], lowest number first; squared distances f32[n], -1 for
# unusable rows; sums f64[c, d] of the usable rows of each cluster. All on the host.
Assign = Callable[[F32], tuple[I64, F32, F64]]
# Places [p] in a sample of n rows -> squared distances f32[p, n] from those rows to all.
Gaps = Callable[[Any], Any]


def check(features: F32, clusters: int, iterations: int, nearest: int) -> None:
    """Raise InvalidArgument for arguments that do not fit the features."""
    for name, value in (("clusters", clusters), ("iterations", iterations), ("nearest", nearest)):
        if value < 1:
            raise InvalidArgument(f"{name}={value} was given; expected 1 or more.")
    if clusters > len(features):
        raise InvalidArgument(
            f"clusters={clusters} was given for {len(features)} rows; give at most as many "
            "clusters as there are rows."
        )


def seeds(
    features: F32, clusters: int, seed: int, gaps_of: Callable[[F32], Gaps], xp: ModuleType
) -> F32:
    """Greedy k-means++ on a sample: each seed is the best of a few draws by squared distance.

    `gaps_of` prepares a clean sample; its results are arrays of `xp` (numpy or CuPy).
    """
    rng = np.random.default_rng(seed)
    n = len(features)
    size = min(n, max(_SEED_ROWS, _SEED_ROWS_EACH * clusters))
    sample = clean(features[np.sort(rng.choice(n, size, replace=False))])
    between = gaps_of(sample)
    draws = 2 + int(np.log(clusters))
    chosen = [int(rng.integers(size))]
    gaps = between(xp.asarray(chosen))[0]
    while len(chosen) < clusters:
        total = xp.cumsum(gaps, dtype=np.float64)
        picks = xp.searchsorted(total, xp.asarray(rng.random(draws)) * total[-1], side="right")
        picks = xp.minimum(picks, size - 1)
        tried = xp.minimum(between(picks), gaps)
        best = int(xp.argmin(tried.sum(axis=1, dtype=np.float64)))
        chosen.append(int(picks[best]))
        gaps = tried[best]
    return sample[chosen]


def lloyd(features: F32, centroids: F32, iterations: int, assign: Assign) -> F32:
    """Centroids f32[c, d] after at most `iterations` rounds, fewer if nothing moves.

    A centroid without rows moves to the row that is farthest from its own centroid.
    """
    before = np.full(len(features), -1, dtype=np.int64)
    for _ in range(iterations):
        labels, gaps, sums = assign(centroids)
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


def gaps_between(rows: Any, lengths: Any, picks: Any, xp: ModuleType) -> Any:
    """Squared distances f32[p, n] from picked rows to all; `lengths` f32[n] are squared norms."""
    gaps = xp.matmul(rows[picks], rows.T)
    gaps *= -2
    gaps += lengths
    gaps += lengths[picks][:, None]
    xp.maximum(gaps, np.float32(0), out=gaps)
    gaps[xp.arange(len(picks)), picks] = 0
    return gaps
