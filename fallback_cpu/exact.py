"""Exhaustive search in blocks, and the last step of every search: exact scores, in order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fastdup_gpu.fallback_cpu.blas import at_most
from fastdup_gpu.fallback_cpu.rows import FAR
from fastdup_gpu.fallback_cpu.spaces import Space, open_space
from fastdup_gpu.fallback_cpu.topk import TopK
from fastdup_gpu.fallback_cpu.workers import Workers, blocks
from fastdup_gpu.indexing.checks import check_queries
from fastdup_gpu.indexing.keys import ids_of, values_of
from fastdup_gpu.protocol import F32, I64, Neighbors, SearchPlan

# Rows of a tile's side. Measured at 30,000 x 576 on 2 cores: 3.1 s with 2048, 3.6 s with 4096, of
# which two thirds are the products.
_SIDE = 2048
# Candidates kept beyond k: those that float32 cannot distinguish are compared in float64.
EXTRA = 4
# Bytes of base rows up to which prepared ones are kept between searches.
_KEPT = 1 << 28
# Elements of the float64 copy of candidates that one thread scores at a time.
_GATHER = 1 << 21


class FlatIndex:
    """The base rows themselves. `plan.mode` is ignored."""

    kind = "flat"

    def __init__(self, features: F32, plan: SearchPlan) -> None:
        self.features = features
        self._space = open_space(plan.metric, features)
        self._workers = Workers(plan.threads)
        self._prepared: dict[int, F32] = {}

    def search(self, queries: F32, k: int, *, exclude_self: bool = False) -> Neighbors:
        """See fastdup_gpu.protocol.Index."""
        check_queries(self.features, queries, k, exclude_self)
        own = np.arange(len(queries)) if exclude_self else None
        return self.answer(queries, k, own)

    def answer(self, queries: F32, k: int, own: I64 | None) -> Neighbors:
        """The search, with `own` the base row of each query that is left out of its answer."""
        with at_most(self._workers.threads):
            keys = self._scan(queries, min(k + EXTRA, len(self.features)), own)
            return settle(self._space, self.features, queries, keys, k, self._workers)

    def save(self, path: Path) -> dict[str, Any]:
        """Nothing but the features is needed."""
        return {"kind": self.kind}

    def _scan(self, queries: F32, keep: int, own: I64 | None) -> I64:
        space, n = self._space, len(self.features)
        top = TopK(len(queries), keep, space.steps(queries))
        # The base is searched for itself: a tile serves its rows and, transposed, its columns.
        mirrored = own is not None and len(own) == n
        for i in blocks(len(queries), _SIDE):
            left = space.left(queries[i])
            for j in blocks(n, _SIDE):
                if mirrored and j.start < i.start:
                    continue
                tile = space.affinity(left, self._right(j, keep=own is None), self._workers)
                if own is not None:
                    _blank(tile, own[i] - j.start)
                self._offer(top, tile, i, j)
                if mirrored and j.start > i.start:
                    self._offer(top, tile.T, j, i)
        return top.keys

    def _right(self, rows: slice, *, keep: bool) -> F32:
        """Base rows as the space compares them. Those of a small base are kept for the next search
        for a few queries, which would otherwise take most of its time to prepare them."""
        found = self._prepared.get(rows.start)
        if found is None:
            found = self._space.right(self.features[rows])
            if keep and self.features.nbytes <= _KEPT:
                self._prepared[rows.start] = found
        return found

    def _offer(self, top: TopK, tile: F32, rows: slice, base: slice) -> None:
        ids = np.arange(base.start, base.stop)

        def work(part: slice) -> None:
            places = np.arange(rows.start + part.start, rows.start + part.stop)
            top.offer(tile[part], places, ids)

        self._workers.split(len(tile), work)


def settle(
    space: Space, features: F32, queries: F32, keys: I64, k: int, workers: Workers
) -> Neighbors:
    """The k best of the candidates in `keys` (see indexing/keys.py), scored exactly, padded."""
    ids = ids_of(keys)
    scores = 0 - values_of(keys)  # 0 of equal rows, not -0
    scores[scores >= FAR] = np.inf
    if not space.exact:

        def work(part: slice) -> None:
            near = features[np.maximum(ids[part], 0)]
            scores[part] = space.scores(queries[part], near)

        size = max(1, _GATHER // max(1, keys.shape[1] * queries.shape[1]))
        workers.each(len(queries), size, work)
    scores[ids < 0] = np.nan
    order = np.lexsort((ids, -space.sign * scores))[:, :k]
    shape = (len(queries), k)
    best = np.full(shape, -1, dtype=np.int64), np.full(shape, np.nan, dtype=np.float32)
    best[0][:, : order.shape[1]] = np.take_along_axis(ids, order, axis=1)
    best[1][:, : order.shape[1]] = np.take_along_axis(scores, order, axis=1)
    return Neighbors(*best)


def _blank(tile: F32, columns: I64) -> None:
    """Exclude column `columns[i]` from row i, if the tile has it."""
    inside = np.flatnonzero((columns >= 0) & (columns < tile.shape[1]))
    tile[inside, columns[inside]] = -np.inf
