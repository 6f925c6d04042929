"""Cosine and euclidean by matrix products: fast for candidates, exact for results."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastdup_gpu.fallback_cpu.rows import FAR, Floats
from fastdup_gpu.fallback_cpu.workers import Workers
from fastdup_gpu.indexing.rows import SHORTEST, centre, squared, unit, usable
from fastdup_gpu.protocol import F32, F64

# Affinities closer than this are equal: about ten times the rounding error of float32 products
# of unit rows. A power of two, so that rounding to it is exact.
_GRID = 2.0**-20


class Cosine:
    """Cosine similarity in [-1, 1]; a row of zeros has 0 to everything. See spaces.Space."""

    exact, sign = False, 1

    def left(self, rows: F32) -> F32:
        """Rows of unit length, or of zeros."""
        return unit(rows)

    right = left

    def steps(self, rows: F32) -> F32:
        """The same for all rows."""
        return np.full(len(rows), _GRID, dtype=np.float32)

    def affinity(self, left: Floats, right: Floats, workers: Workers) -> F32:
        """The cosine itself, in float32."""
        cosines: F32 = np.matmul(left, right.T)
        return cosines

    def scores(self, queries: F32, candidates: F32) -> F64:
        """The cosine in float64."""
        with np.errstate(all="ignore"):
            here, there = queries.astype(np.float64), candidates.astype(np.float64)
            lengths, others = squared(here)[:, None], squared(there)
            cosine: F64 = np.matmul(there, here[:, :, None])[:, :, 0]
            cosine /= np.sqrt(lengths * others)
        good = usable(lengths, SHORTEST) & usable(others, SHORTEST)
        return np.where(good, np.clip(cosine, -1, 1), 0.0)


class Euclidean:
    """Euclidean distance; the affinity is minus half its square. See spaces.Space.

    Rows are compared as seen from the centre of the base, as products lose what is small beside
    the rows' lengths.
    """

    exact, sign = False, -1

    def __init__(self, base: F32) -> None:
        self._centre = centre(base)

    def left(self, rows: F32) -> F32:
        """[row, -|row|^2 / 2, 1], so that one product gives the affinity."""
        clean, half = self._halves(rows)
        return np.column_stack([clean, half, np.ones_like(half)])

    def right(self, rows: F32) -> F32:
        """[row, 1, -|row|^2 / 2]."""
        clean, half = self._halves(rows)
        return np.column_stack([clean, np.ones_like(half), half])

    def _halves(self, rows: F32) -> tuple[F32, F32]:
        moved, good = self._moved(rows)
        return moved, np.where(good, squared(moved) / np.float32(-2), np.float32(-FAR))

    def _moved(self, rows: F32) -> tuple[F32, NDArray[np.bool_]]:
        """The usable rows as seen from the centre, others zeroed; and which are usable."""
        good = usable(squared(rows))
        with np.errstate(all="ignore"):
            moved = rows - self._centre
        return moved if good.all() else np.where(good[:, None], moved, np.float32(0)), good

    def steps(self, rows: F32) -> F32:
        """In proportion to the squared length, as the rounding errors are."""
        length = squared(self._moved(rows)[0])
        exponent = np.frexp(length)[1]
        return np.where(length >= SHORTEST, np.ldexp(_GRID, exponent), 0).astype(np.float32)

    def affinity(self, left: Floats, right: Floats, workers: Workers) -> F32:
        """Minus half the squared distance, in float32."""
        halves: F32 = np.matmul(left, right.T)
        return halves

    def scores(self, queries: F32, candidates: F32) -> F64:
        """The distance in float64."""
        with np.errstate(all="ignore"):
            gap = candidates.astype(np.float64)
            gap -= queries[:, None, :]
            distance = np.sqrt(squared(gap))
        good = usable(squared(queries))[:, None] & usable(squared(candidates))
        return np.where(good, distance, np.inf)
