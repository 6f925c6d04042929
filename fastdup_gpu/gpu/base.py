"""The base of a search: rows in host memory, on the device as a whole or chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastdup_gpu.gpu import memory
from fastdup_gpu.gpu.rows import cleaned
from fastdup_gpu.gpu.spaces import Space
from fastdup_gpu.protocol import F32, I64

_BASE_SHARE, _SCORE_SHARE = 0.6, 0.1  # of the free memory


@dataclass(frozen=True, slots=True)
class Chunk:
    """Base rows on the device: `rows` f32[c, d] clean, `ids` i64[c] rising, and the space's own.

    Where an unusable row is infinitely far from everything it is left out.
    """

    rows: Any
    ids: Any
    prepared: Any


class Base:
    """f32[n, d], maybe a memory map. Rows that fit stay on the device between searches."""

    def __init__(self, features: F32, space: Space) -> None:
        self._features = features
        self._space = space
        self._whole: Chunk | None = None
        self._left_out: dict[int, I64] = {}

    def chunks(self) -> Iterator[Chunk]:
        """The usable rows, in order of id; a chunk is dropped when the next is asked for."""
        if self._whole is not None:
            yield self._whole
            return
        n, d = self._features.shape
        size = memory.rows_that_fit(14 * d, _BASE_SHARE, n)
        for start in range(0, n, size):
            chunk = self._load(start, min(start + size, n))
            if size >= n:
                self._whole = chunk
            if len(chunk.ids):
                yield chunk

    def unusable(self) -> I64:
        """Rows that were left out of the chunks gone through so far, in order."""
        parts = [self._left_out[start] for start in sorted(self._left_out)]
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)

    def gather(self, ids: Any) -> tuple[Any, Any]:
        """f32[m, c, d] of the rows `ids` i64[m, c], and bool[m, c] which of them are usable."""
        import cupy

        places = cupy.maximum(ids, 0)
        if self._whole is not None and len(self._whole.ids) == len(self._features):
            rows = self._whole.rows[places]
        else:
            host = cupy.asnumpy(places)
            rows = cupy.asarray(self._features[host.ravel()]).reshape(*host.shape, -1)
        flat, good = cleaned(rows.reshape(-1, rows.shape[-1]))
        there = ids >= 0
        if self._space.neutral != 0:
            there &= good.reshape(ids.shape)
        return flat.reshape(rows.shape), there

    def _load(self, start: int, stop: int) -> Chunk:
        import cupy

        rows = cupy.asarray(np.ascontiguousarray(self._features[start:stop], np.float32))
        rows, good = cleaned(rows)
        ids = cupy.arange(start, stop)
        if self._space.neutral != 0 and not bool(good.all()):
            self._left_out[start] = cupy.asnumpy(ids[~good])
            rows, ids = cupy.ascontiguousarray(rows[good]), ids[good]
        self._space.check(rows)
        return Chunk(rows, ids, self._space.prepare(rows) if len(ids) else None)


def scored(space: Space, queries: Any, base: Any, places: Any) -> Any:
    """Exact scores f64[m, c] of queries against their own candidates, a few rows at a time."""
    import cupy

    row_bytes = places.shape[1] * base.shape[1] * 24
    size = memory.rows_that_fit(row_bytes, _SCORE_SHARE, len(queries))
    out = cupy.empty(places.shape)
    for start in range(0, len(queries), size):
        part = slice(start, start + size)
        out[part] = space.scores(queries[part], base[places[part]])
    return out
