"""Exhaustive search: candidates by a fast search, exact scores, and proof that none is missing.

A query is done when its k-th exact score beats everything that the fast search left out by more
than its rounding errors. Other queries (with many almost equal neighbours) are searched again with
more candidates, and finally compared exactly with every row of the base.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastdup_gpu.gpu import memory
from fastdup_gpu.gpu.base import Base, Chunk, scored
from fastdup_gpu.gpu.best import Best
from fastdup_gpu.gpu.rows import cleaned, uploaded
from fastdup_gpu.gpu.spaces import open_space
from fastdup_gpu.gpu.topk import best_keys, in_order, merge
from fastdup_gpu.indexing.checks import check_queries
from fastdup_gpu.indexing.keys import EMPTY, ids_of
from fastdup_gpu.protocol import F32, F64, I64, Neighbors, SearchPlan

_LOG = logging.getLogger("fastdup_gpu")
# Candidates beyond k in the first pass, and the factor of the second.
_SPARE, _MORE = 30, 8
# Candidates beyond k in the last pass: those that its grid cannot tell apart.
_TIED = 16
_QUERIES, _SLOW_QUERIES, _SLOW_BASE = 8192, 256, 65_536
_SHARE = 0.2  # of the free memory, for the candidates of one block of queries


class FlatIndex:
    """The base rows themselves. `plan.mode` is ignored."""

    kind = "flat"

    def __init__(self, features: F32, plan: SearchPlan) -> None:
        self.features = features
        self.metric = plan.metric
        self.space = open_space(plan.metric)
        self._base = Base(features, self.space)
        self._compared = 0  # queries of this search that the fast search could not settle

    def search(self, queries: F32, k: int, *, exclude_self: bool = False) -> Neighbors:
        """See fastdup_gpu.protocol.Index."""
        check_queries(self.features, queries, k, exclude_self)
        own = np.arange(len(queries)) if exclude_self else None
        return self.answer(queries, k, own)

    def answer(self, queries: F32, k: int, own: I64 | None) -> Neighbors:
        """The search, with `own` the base row of each query that is left out of its answer."""
        best = Best(len(queries), k, self.space.sign)
        self._compared = 0
        work = partial(self._search_part, queries, own, k, best)
        for _ in memory.halving(len(self.features), self._base.chunk_size(), work):
            pass
        if self._compared:
            _LOG.info("%d queries were compared with every row in full", self._compared)
        return self._finished(best, queries, own)

    def settle(
        self, queries: F32, ids: NDArray[np.integer[Any]], k: int, own: I64 | None
    ) -> Neighbors:
        """The k best of candidates `ids`, integers [m, c], scored exactly; repetitions, and ids
        that are not rows of the base, are ignored."""
        if len(queries) > _QUERIES:
            self._base.bring()
        best = Best(len(queries), k, self.space.sign)
        work = partial(self._settle_block, queries, ids, k, own)
        for rows, found in memory.halving(len(queries), self._block_size(ids.shape[1]), work):
            best.merge(rows, *found)
        return self._finished(best, queries, own)

    def save(self, path: Path) -> dict[str, Any]:
        """Nothing but the features is needed."""
        return {"kind": self.kind}

    def _block_size(self, candidates: int) -> int:
        return memory.rows_that_fit(candidates * self.features.shape[1] * 24, _SHARE, _QUERIES)

    def _finished(self, best: Best, queries: F32, own: I64 | None) -> Neighbors:
        n = len(self.features)
        return best.padded(n, self._base.unusable(), own, self.space.neutral, queries)

    def _search_part(self, queries: F32, own: I64 | None, k: int, best: Best, part: slice) -> None:
        """Merge the best of a part of the base into `best`: all of them, or none if memory runs
        out. The part is freed on return."""
        chunk = self._base.chunk(part)
        if not len(chunk.ids):
            return
        work = partial(self._search_chunk, chunk, queries, own, k)
        size = self._block_size(k + 1 + _SPARE)
        for rows, found in list(memory.halving(len(queries), size, work)):
            best.merge(rows, *found)

    def _search_chunk(
        self, chunk: Chunk, queries: F32, own: I64 | None, k: int, part: slice
    ) -> tuple[F64, I64]:
        import cupy

        rows, mine = self._uploaded(queries, own, part)
        scores = cupy.full((len(rows), k), np.nan)
        ids = cupy.full((len(rows), k), -1, np.int64)
        left = cupy.arange(len(rows))
        for keep in self._efforts(k, len(chunk.ids)):
            (found, places), sure = self._look(chunk, rows[left], mine[left], k, keep)
            done = left[sure]
            scores[done, : found.shape[1]] = found[sure]
            ids[done, : found.shape[1]] = places[sure]
            left = left[~sure]
            if not len(left):
                break
        self._compared += len(left)
        for start in range(0, len(left), _SLOW_QUERIES):
            few = left[start : start + _SLOW_QUERIES]
            found, places = self._compare_all(chunk, rows[few], mine[few], k)
            scores[few, : found.shape[1]], ids[few, : found.shape[1]] = found, places
        return cupy.asnumpy(scores), cupy.asnumpy(ids)

    def _settle_block(
        self,
        queries: F32,
        ids: NDArray[np.integer[Any]],
        k: int,
        own: I64 | None,
        part: slice,
    ) -> tuple[F64, I64]:
        import cupy

        rows, mine = self._uploaded(queries, own, part)
        near = _without_repeats(cupy.asarray(ids[part]), len(self.features))
        candidates, there = self._base.gather(near)
        scores = self.space.scores(rows, candidates)
        scores = cupy.where(there & (near != mine[:, None]), scores, np.nan)
        scores, near = (a[:, :k] for a in in_order(scores, near, self.space.sign))
        return cupy.asnumpy(scores), cupy.asnumpy(cupy.where(cupy.isnan(scores), -1, near))

    def _uploaded(self, queries: F32, own: I64 | None, part: slice) -> tuple[Any, Any]:
        """Clean queries, and for each the base row to exclude (-1 = none)."""
        import cupy

        rows = self._base.resident(queries, part)
        if rows is None:
            rows, _ = cleaned(uploaded(queries[part]))
            self.space.check(rows)
        mine = np.full(len(rows), -1) if own is None else own[part]
        return rows, cupy.asarray(mine)

    def _efforts(self, k: int, n: int) -> Iterator[int]:
        """Numbers of candidates to request; none if the fast search cannot return enough."""
        before = 0
        for wanted in (k + 1 + _SPARE, (k + 1 + _SPARE) * _MORE):
            keep = min(wanted, n, self.space.most)
            if before < keep and (keep > k or keep == n):
                yield keep
            before = keep

    def _look(self, chunk: Chunk, rows: Any, mine: Any, k: int, keep: int) -> tuple[Any, Any]:
        """((scores, ids) f64, i64[m, <= k], bool[m] whether they are the true ones)."""
        import cupy

        space = self.space
        found = space.candidates(chunk.prepared, rows, keep)
        scores = scored(space, rows, chunk.rows, found.places)
        true = space.coarse_of(chunk.prepared, rows, scores)
        honest = (cupy.abs(true - found.values) <= found.slack[:, None]).all(axis=1)
        ids = chunk.ids[found.places]
        scores = cupy.where(ids == mine[:, None], np.nan, scores)
        scores, ids = (a[:, :k] for a in in_order(scores, ids, space.sign))
        ids = cupy.where(cupy.isnan(scores), -1, ids)
        if keep == len(chunk.ids):
            return (scores, ids), cupy.ones(len(rows), bool)
        last = space.coarse_of(chunk.prepared, rows, scores[:, -1:])[:, 0]
        passed = last > found.values.min(axis=1) + found.slack
        return (scores, ids), honest & passed

    def _compare_all(self, chunk: Chunk, rows: Any, mine: Any, k: int) -> tuple[Any, Any]:
        """Every base row, without a fast search."""
        import cupy

        n = len(chunk.ids)
        keys = cupy.full((len(rows), min(k + _TIED, n)), EMPTY, np.int64)
        for start in range(0, n, _SLOW_BASE):
            base = chunk.rows[start : start + _SLOW_BASE]
            places = cupy.arange(start, start + len(base))
            tile = self.space.affinity(rows, base).astype(np.float32)
            keys = merge(keys, best_keys(tile, places, keys.shape[1]))
        places = ids_of(keys)
        scores = scored(self.space, rows, chunk.rows, places)
        ids = chunk.ids[places]
        scores = cupy.where(ids == mine[:, None], np.nan, scores)
        scores, ids = (a[:, :k] for a in in_order(scores, ids, self.space.sign))
        return scores, cupy.where(cupy.isnan(scores), -1, ids)


def _without_repeats(ids: Any, n: int) -> Any:
    """Each row's ids once, i64[m, c] ascending, -1 for repetitions and ids outside 0 .. n - 1."""
    import cupy

    ids = ids.astype(np.int64)
    ids = cupy.sort(cupy.where((ids < 0) | (ids >= n), -1, ids), axis=1)
    again = cupy.zeros(ids.shape, bool)
    again[:, 1:] = ids[:, 1:] == ids[:, :-1]
    return cupy.where(again, -1, ids)
