"""The best neighbours found so far, on the host."""

from __future__ import annotations

import numpy as np

from fastdup_gpu.indexing.rows import squared, usable
from fastdup_gpu.protocol import F32, F64, I64, Neighbors


class Best:
    """For each of m queries the k best (score, id), best first, ties by id."""

    def __init__(self, m: int, k: int, sign: int) -> None:
        self._scores: F64 = np.full((m, k), np.nan)
        self._ids: I64 = np.full((m, k), -1, np.int64)
        self._sign = sign

    def merge(self, part: slice, scores: F64, ids: I64) -> None:
        """Merge in scores f64 and ids i64, both [part, c]; nan scores are ignored."""
        k = self._ids.shape[1]
        scores = np.concatenate([self._scores[part], scores], axis=1)
        ids = np.concatenate([self._ids[part], ids], axis=1)
        order = np.lexsort((ids, -self._sign * scores))[:, :k]
        self._scores[part] = np.take_along_axis(scores, order, axis=1)
        self._ids[part] = np.take_along_axis(ids, order, axis=1)

    def padded(
        self, n: int, unusable: I64, own: I64 | None, neutral: float, queries: F32
    ) -> Neighbors:
        """The result, with rows that no distance orders put last, at score `neutral`.

        For an unusable query these are all n base rows, for other queries the `unusable` ones.
        Places that are still free have id -1 and score nan.
        """
        bad = ~usable(squared(queries))
        self._ids[bad], self._scores[bad] = -1, np.nan
        free = (self._ids < 0).any(axis=1) & (bad | (len(unusable) > 0))
        k = self._ids.shape[1]
        for row in np.flatnonzero(free):
            rest = np.arange(min(n, k + 1)) if bad[row] else unusable
            if own is not None:
                rest = rest[rest != own[row]]
            places = np.flatnonzero(self._ids[row] < 0)[: len(rest)]
            self._ids[row, places] = rest[: len(places)]
            self._scores[row, places] = neutral
        return Neighbors(self._ids, self._scores.astype(np.float32))
