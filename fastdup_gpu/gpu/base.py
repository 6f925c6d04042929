"""The base of a search: rows in host memory, on the device as a whole or chunk by chunk."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fastdup_gpu.gpu import memory
from fastdup_gpu.gpu.rows import cleaned, uploaded
from fastdup_gpu.gpu.spaces import Space
from fastdup_gpu.protocol import F32, I64

_BASE_SHARE, _SCORE_SHARE = 0.6, 0.1  # of the free memory
_UPLOAD = 65_536  # rows cleaned at a time, so that little extra memory is needed


@dataclass(frozen=True, slots=True)
class Chunk:
    """Base rows on the device: `rows` f32[c, d] clean, `ids` i64[c] ascending, and what the space
    prepared from them.

    If the metric puts unusable rows infinitely far from everything, they are left out. `prepared`
    is None until a search needs it.
    """

    rows: Any
    ids: Any
    prepared: Any = None


class Base:
    """f32[n, d], maybe a memory map. Rows that fit stay on the device between searches."""

    def __init__(self, features: F32, space: Space) -> None:
        self._features = features
        self._space = space
        self._whole: Chunk | None = None  # maybe not prepared yet
        self._left_out: dict[int, I64] = {}

    def chunk_size(self) -> int:
        """How many rows fit: 4 bytes per value, and as many again for what a space prepares."""
        n, d = self._features.shape
        return n if self._whole else memory.rows_that_fit(8 * d + 64, _BASE_SHARE, n)

    def chunk(self, part: slice) -> Chunk:
        """The usable rows of a part; the caller has to free it before requesting the next."""
        if (part.start, part.stop) != (0, len(self._features)):
            self._whole = None  # parts are requested if memory does not suffice for all
            return self._prepared(self._load(part.start, part.stop))
        self._whole = self._prepared(self._whole or self._load(part.start, part.stop))
        return self._whole

    def _prepared(self, chunk: Chunk) -> Chunk:
        if chunk.prepared is not None or not len(chunk.ids):
            return chunk
        return replace(chunk, prepared=self._space.prepare(chunk.rows))

    def bring(self) -> None:
        """Load everything onto the device if it fits: gathering many rows on the host is slow."""
        n, d = self._features.shape
        if self._whole or memory.rows_that_fit(4 * d + 64, _BASE_SHARE, n) < n:
            return
        try:
            self._whole = self._load(0, n)
        except Exception as error:  # each library has errors of its own for this
            if not memory.is_out_of_memory(error):
                raise

    def unusable(self) -> I64:
        """Rows that were left out of the chunks processed so far, in order."""
        parts = [self._left_out[start] for start in sorted(self._left_out)]
        return np.unique(np.concatenate(parts)) if parts else np.zeros(0, np.int64)

    def resident(self, queries: F32, part: slice) -> Any:
        """Clean rows f32[m, d] of the base on the device if `queries` are the base and all of it
        is there, else None."""
        whole = self._complete()
        return whole.rows[part] if whole and queries is self._features else None

    def _complete(self) -> Chunk | None:
        """The base as one chunk without missing rows, if it is on the device."""
        return self._whole if self._whole and len(self._whole.ids) == len(self._features) else None

    def gather(self, ids: Any) -> tuple[Any, Any]:
        """f32[m, c, d] of the rows `ids` i64[m, c], and bool[m, c] which of them are usable."""
        import cupy

        places = cupy.maximum(ids, 0)
        whole = self._whole
        if whole is not None and len(whole.ids):
            if len(whole.ids) < len(self._features):
                places = cupy.searchsorted(whole.ids, places)
                places = cupy.minimum(places, len(whole.ids) - 1)
            return whole.rows[places], whole.ids[places] == ids
        host = cupy.asnumpy(places)
        rows = cupy.asarray(self._features[host.ravel()]).reshape(*host.shape, -1)
        flat, good = cleaned(rows.reshape(-1, rows.shape[-1]))
        there = ids >= 0
        if self._space.neutral != 0:
            there &= good.reshape(ids.shape)
        return flat.reshape(rows.shape), there

    def _load(self, start: int, stop: int) -> Chunk:
        import cupy

        rows = cupy.empty((stop - start, self._features.shape[1]), np.float32)
        ids = cupy.arange(start, stop)
        count = 0
        for first in range(start, stop, _UPLOAD):
            last = min(first + _UPLOAD, stop)
            some, there = self._cleaned(first, last)
            rows[count : count + len(some)] = some
            ids[count : count + len(some)] = there
            count += len(some)
        rows, ids = rows[:count], ids[:count]
        self._space.check(rows)
        return Chunk(rows, ids)

    def _cleaned(self, first: int, last: int) -> tuple[Any, Any]:
        """Rows first .. last on the device and their ids, without those that are left out."""
        import cupy

        rows, good = cleaned(uploaded(self._features[first:last]))
        ids = cupy.arange(first, last)
        self._left_out.pop(first, None)
        if self._space.neutral == 0 or bool(good.all()):
            return rows, ids
        self._left_out[first] = cupy.asnumpy(ids[~good])
        return rows[good], ids[good]


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
