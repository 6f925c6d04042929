"""k-means on the device; both backends use the same loop.

cuVS has k-means too, but sums with float atomics, so that its centroids differ from run to run.
The files of a run must not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from fastdup_gpu import kmeans as _kmeans
from fastdup_gpu.gpu import memory
from fastdup_gpu.gpu.exact import FlatIndex
from fastdup_gpu.gpu.rows import cleaned, squared, uploaded
from fastdup_gpu.indexing.rows import centre
from fastdup_gpu.protocol import F32, F64, I64, Clusters, SearchPlan

_SHARE = 0.4  # of the free memory, for rows that stay
_BLOCK = 65_536
_BLOCK_BYTES = 1 << 30  # memory of a block; fixed, because sums depend on the size of blocks

Prepare = Callable[[F32], Any]


def kmeans(features: F32, *, clusters: int, iterations: int, nearest: int, seed: int) -> Clusters:
    """k-means of f32[n, d]; the same input and seed give the same result.

    Unusable rows (see indexing/rows.py) move no centroid and are at distance inf. `ids` and
    `distances` are padded with -1 and nan if `nearest` exceeds `clusters`.
    """
    import cupy

    _kmeans.check(features, clusters, iterations, nearest)
    start = _kmeans.seeds(features, clusters, seed, _gaps_of, cupy)
    centroids = _kmeans.lloyd(features, start, iterations, Assigner(features))
    found = FlatIndex(centroids, SearchPlan("euclidean")).search(features, nearest)
    return Clusters(centroids, found.ids, np.square(found.scores))


class Assigner:
    """See fastdup_gpu.kmeans.Assign. Rows that fit stay on the device from call to call.

    `prepare` brings host rows to the device in the form that is compared. All are compared as seen
    from the middle of the first centroids (see indexing.rows.centre).
    """

    def __init__(self, features: F32, prepare: Prepare = uploaded) -> None:
        self._features = features
        self._prepare = prepare
        n, d = features.shape
        self._stay = memory.rows_that_fit(4 * d, _SHARE, n) >= n
        self._blocks: list[tuple[Any, Any]] = []
        self._middle: F32 | None = None

    def __call__(self, centroids: F32) -> tuple[I64, F32, F64]:
        """Labels, squared distances and sums: products in f32, sums of blocks in f64."""
        import cupy

        n, (c, d) = len(self._features), centroids.shape
        if self._middle is None:
            self._middle = centre(centroids)
        seen, sums = uploaded(centroids - self._middle), cupy.zeros((c, d), np.float64)
        labels, gaps = np.empty(n, np.int64), np.empty(n, np.float32)
        size = max(1, min(_BLOCK, _BLOCK_BYTES // (12 * c + 16 * d)))
        start = 0
        for rows, good in self._rows(self._middle):
            for first in range(0, len(rows), size):
                part = slice(first, first + size)
                there = slice(start + first, start + min(first + size, len(rows)))
                near, gap = _nearest(rows[part], good[part], seen)
                labels[there], gaps[there] = cupy.asnumpy(near), cupy.asnumpy(gap)
                member = (near[None, :] == cupy.arange(c)[:, None]) & good[part][None, :]
                sums += cupy.matmul(member.astype(np.float32), rows[part])
            start += len(rows)
        counts = np.bincount(labels[gaps >= 0], minlength=c)
        return labels, gaps, cupy.asnumpy(sums) + np.outer(counts, self._middle)

    def _rows(self, middle: F32) -> Iterator[tuple[Any, Any]]:
        """Clean rows as seen from `middle`, others zeroed, and which are usable, a block at a
        time."""
        import cupy

        if self._blocks:
            yield from self._blocks
            return
        for start in range(0, len(self._features), _BLOCK):
            rows, good = cleaned(self._prepare(self._features[start : start + _BLOCK]))
            rows = cupy.where(good[:, None], rows - uploaded(middle), np.float32(0))
            if self._stay:
                self._blocks.append((rows, good))
            yield rows, good


def _nearest(rows: Any, good: Any, centroids: Any) -> tuple[Any, Any]:
    """The nearest centroid of each row, lowest number first, and the squared distance, -1 for
    rows that are not good."""
    import cupy

    near = cupy.matmul(rows, centroids.T)
    near -= squared(centroids) / 2
    labels = near.argmax(axis=1)
    best = near[cupy.arange(len(rows)), labels]
    gaps = cupy.maximum(squared(rows) - 2 * best, np.float32(0))
    return labels, cupy.where(good, gaps, np.float32(-1))


def _gaps_of(sample: F32) -> _kmeans.Gaps:
    import cupy

    rows = uploaded(sample - centre(sample))
    return partial(_kmeans.gaps_between, rows, squared(rows), xp=cupy)
