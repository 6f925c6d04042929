"""The best few of many scores, row by row, kept as sortable integers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastdup_gpu.indexing.keys import EMPTY, pack, values_of
from fastdup_gpu.protocol import F32, I64

# A tile with more hits than this many times the places is filtered before it is merged.
_MANY = 3


class TopK:
    """For each of `rows` rows the `keep` best (value, id) pairs offered, best first.

    Values are rounded to multiples of the row's `steps` (powers of two, 0 = not rounded), so
    that the rounding errors of a matrix product do not order equal vectors by chance. `offer`
    may be called from several threads for disjoint rows. -inf is never kept.
    """

    def __init__(self, rows: int, keep: int, steps: F32) -> None:
        self.keys: I64 = np.full((rows, keep), EMPTY, dtype=np.int64)
        self.steps = steps

    def offer(self, tile: F32, rows: I64, ids: I64) -> None:
        """Merge in the values of `tile`, f32[rows, ids], that are good enough.

        `rows` must be distinct. Among equals at the last place the one offered first stays, so ids
        have to be offered in ascending order.
        """
        floor = values_of(self.keys[rows, -1]) + self.steps[rows] * np.float32(0.5)
        mask = _above(tile, floor)
        if np.count_nonzero(mask) > _MANY * self.keys.shape[1] * len(rows):
            floor = np.maximum(floor, self._bound(tile) - self.steps[rows])
            mask = _above(tile, floor)
        row, column = _nonzero(mask)
        if len(row):
            self._merge(rows, row, ids[column], tile[row, column])

    def _bound(self, tile: F32) -> F32:
        """A value that at least `keep` values of each row exceed, from the maxima of groups."""
        keep, width = self.keys.shape[1], tile.shape[1]
        if width <= keep:
            return np.full(len(tile), -np.inf, dtype=np.float32)
        size = max(1, width // (4 * keep))
        groups = width // size
        maxima = tile[:, : groups * size].reshape(-1, groups, size).max(axis=2)
        bound = np.partition(maxima, groups - keep, axis=1)[:, groups - keep]
        return np.nextafter(bound, np.float32(-np.inf))

    def _merge(self, rows: I64, row: I64, ids: I64, values: F32) -> None:
        """Sort hits, given by position in `rows`, into the places of their rows."""
        steps = self.steps[rows[row]]
        safe = np.where(steps > 0, steps, np.float32(1))
        with np.errstate(over="ignore"):
            snapped = np.where(steps > 0, np.rint(values / safe) * safe, values)
        order = np.argsort(row, kind="stable")
        counts = np.bincount(row, minlength=len(rows))
        touched = np.flatnonzero(counts)
        counts = counts[touched]
        keep = self.keys.shape[1]
        merged = np.full((len(touched), keep + int(counts.max())), EMPTY, dtype=np.int64)
        merged[:, :keep] = self.keys[rows[touched]]
        start = np.repeat(np.cumsum(counts) - counts, counts)
        place = np.repeat(np.arange(len(touched)), counts)
        merged[place, keep + np.arange(len(row)) - start] = pack(snapped, ids)[order]
        merged.sort(axis=1)
        self.keys[rows[touched]] = merged[:, :keep]


def _above(tile: F32, floor: F32) -> NDArray[np.bool_]:
    """Where a tile exceeds its rows' floors, in the memory layout of the tile."""
    return (floor < tile.T).T if _turned(tile) else tile > floor[:, None]


def _nonzero(mask: NDArray[np.bool_]) -> tuple[I64, I64]:
    """A faster np.nonzero, which reads a transposed mask in memory order."""
    if _turned(mask):
        column, row = np.divmod(np.flatnonzero(mask.T), len(mask))
    else:
        row, column = np.divmod(np.flatnonzero(mask), mask.shape[1])
    return row, column


def _turned(tile: NDArray[Any]) -> bool:
    return tile.strides[0] < tile.strides[1]
