"""Inner products of fp16 rows on tensor cores, one tile at a time, and the best of each query."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastdup_gpu.gpu import memory

EIGHT = 8  # tensor cores and the kernel need rows of a multiple of 16 bytes
ROUNDING = 2.0**-11  # relative: the largest error from storing a product in fp16
_TILE = 131_072  # base rows: a product of that size keeps every multiprocessor busy
_SHARE = 0.2  # of the free memory, for one tile of products


class TiledProducts:
    """Device rows f16[n, w], w a multiple of 8; they are not copied if n is one too.

    Products are added in float32 and stored in fp16: half the bytes, which limit the speed.
    """

    def __init__(self, rows: Any, n: int) -> None:
        self._rows = rows  # of which the first n count; a multiple of 8 of them
        self._n = n

    def search(self, queries: Any, keep: int) -> tuple[Any, Any]:
        """(products f32[m, keep], places i64[m, keep]) of queries f16[m, w], the best first, equal
        ones by place; keep is at most n and row_topk.MAX_K."""
        import cupy

        from fastdup_gpu.kernels.row_topk import row_topk, unpacked

        best = cupy.zeros((len(queries), keep), np.uint64)
        fits = memory.rows_that_fit(2 * len(queries), _SHARE, _TILE)
        size = max(EIGHT, fits // EIGHT * EIGHT)
        for first in range(0, self._n, size):
            part = self._rows[first : first + size]
            scores = cupy.matmul(queries, part.T)
            row_topk(scores, min(len(part), self._n - first), first, best)
        found: tuple[Any, Any] = unpacked(best)
        return found


def whole(rows: int) -> int:
    """The next multiple of 8."""
    return -(-rows // EIGHT) * EIGHT
