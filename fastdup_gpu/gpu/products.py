"""Cosine and euclidean: candidates by fp16 tensor-core products, scores in float64.

A product of fp16 rows is off by at most |q - q16| |b16| + |q| |b - b16| plus its own rounding.
That bound is computed: a query whose answer it could change is searched again (see exact.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastdup_gpu.gpu.coarse import Coarse
from fastdup_gpu.gpu.rows import squared, unit
from fastdup_gpu.gpu.tiles import ROUNDING, TiledProducts, whole
from fastdup_gpu.indexing.rows import SHORTEST

# Affinities closer than this are equal: about a hundred times the rounding error of float64
# products of unit rows. A power of two, so that rounding to it is exact.
_GRID = 2.0**-44
# Tensor cores add in float32; this times the length bounds their rounding error.
_SUM = 2.0**-22
_SMALLEST = 2.0**-24  # of fp16: the largest error of a product near 0
_TAIL = 3  # fp16 numbers that together hold half a squared length
_ROWS = 65_536  # prepared at a time, so that little memory is needed beside the fp16 rows


@dataclass(frozen=True, slots=True)
class Prepared:
    """The `index` of fp16 rows; the `scale` they were multiplied by; the length of the longest fp16
    row, and the largest rounding error of a row."""

    index: TiledProducts
    scale: float
    longest: float
    error: float


class Cosine:
    """Cosine similarity in [-1, 1]; a row of zeros has 0 to everything. See spaces.Space."""

    sign, neutral, most = 1, 0.0, 1024

    def check(self, rows: Any) -> None:
        """Every row has a direction, or counts as zeros."""

    def prepare(self, base: Any) -> Prepared:
        """Unit rows in fp16."""
        return _prepared(base, 1.0, unit, 0)

    def candidates(self, prepared: Prepared, queries: Any, keep: int) -> Coarse:
        """By their cosine in fp16."""
        return _search(prepared, unit(queries), None, keep)

    def coarse_of(self, prepared: Prepared, queries: Any, scores: Any) -> Any:
        """The cosine itself."""
        return scores

    def affinity(self, queries: Any, base: Any) -> Any:
        """The cosine minus 1, on a grid, so that rounding does not order equal rows."""
        import cupy

        left, right = (unit(rows.astype(np.float64)) for rows in (queries, base))
        near = cupy.rint((cupy.matmul(left, right.T) - 1) / _GRID) * _GRID
        return near.astype(np.float32)

    def scores(self, queries: Any, candidates: Any) -> Any:
        """The cosine in float64."""
        import cupy

        here, there = queries.astype(np.float64), candidates.astype(np.float64)
        lengths, others = squared(here)[:, None], squared(there)
        both = (lengths >= SHORTEST) & (others >= SHORTEST)
        dots = cupy.matmul(there, here[:, :, None])[:, :, 0]
        cosine = dots / cupy.sqrt(cupy.where(both, lengths * others, 1.0))
        return cupy.where(both, cupy.clip(cosine, -1, 1), 0.0)


class Euclidean:
    """Euclidean distance. See spaces.Space."""

    sign, neutral, most = -1, float("inf"), 1024

    def check(self, rows: Any) -> None:
        """Every row is accepted."""

    def prepare(self, base: Any) -> Prepared:
        """Rows scaled to at most unit length, and half their squared length, negated."""
        scale = _power_below(max(_longest(base[part]) for part in _parts(base)))
        return _prepared(base, scale, lambda rows: rows * np.float32(scale), _TAIL)

    def candidates(self, prepared: Prepared, queries: Any, keep: int) -> Coarse:
        """By q b - |b|^2 / 2; longer queries are scaled down, which does not change the order."""
        shrink = self._shrink(prepared, queries)
        scaled = queries * (np.float32(prepared.scale) * shrink)[:, None]
        return _search(prepared, scaled, shrink, keep)

    def coarse_of(self, prepared: Prepared, queries: Any, scores: Any) -> Any:
        """(|q|^2 - distance^2) / 2, scaled as the queries are."""
        wide = queries.astype(np.float64) * prepared.scale
        halves = (squared(wide)[:, None] - (scores * prepared.scale) ** 2) / 2
        return halves * self._shrink(prepared, queries)[:, None]

    def affinity(self, queries: Any, base: Any) -> Any:
        """Minus the squared distance, on a grid in proportion to |q|^2, as rounding errors are."""
        import cupy

        left, right = queries.astype(np.float64), base.astype(np.float64)
        length = squared(left)
        grid = cupy.ldexp(cupy.full_like(length, _GRID), cupy.frexp(length)[1])
        grid = cupy.where(length >= SHORTEST, grid, SHORTEST)[:, None]
        far = length[:, None] + squared(right)[None, :] - 2 * cupy.matmul(left, right.T)
        return (cupy.rint(far / grid) * -grid).astype(np.float32)

    def scores(self, queries: Any, candidates: Any) -> Any:
        """The distance in float64."""
        import cupy

        return cupy.sqrt(squared(candidates.astype(np.float64) - queries[:, None, :]))

    def _shrink(self, prepared: Prepared, queries: Any) -> Any:
        """Powers of two f32[m], at most 1, that bring the scaled queries to unit length."""
        import cupy

        length = cupy.sqrt(squared(queries)) * np.float32(prepared.scale)
        exponent = cupy.clip(cupy.frexp(length)[1], 0, 14)
        return cupy.ldexp(cupy.ones_like(length), -exponent)


def _prepared(base: Any, scale: float, scaled: Callable[[Any], Any], extra: int) -> Prepared:
    """The base scaled and in fp16, with `extra` columns for minus half its squared lengths."""
    import cupy

    half = cupy.zeros((whole(len(base)), whole(base.shape[1] + extra)), np.float16)
    longest = error = 0.0
    for part in _parts(base):
        rows = scaled(base[part])
        made = _padded(rows, squared(rows) / np.float32(-2) if extra else None)
        half[part.start : part.start + len(rows)] = made
        back = made[:, : rows.shape[1]].astype(np.float32)
        longest, error = max(longest, _longest(back)), max(error, _longest(rows - back))
    return Prepared(TiledProducts(half, len(base)), scale, longest, error)


def _parts(rows: Any) -> Iterator[slice]:
    for start in range(0, len(rows), _ROWS):
        yield slice(start, start + _ROWS)


def _longest(rows: Any) -> float:
    return math.sqrt(float(squared(rows).max()))


def _search(prepared: Prepared, rows: Any, ones: Any, keep: int) -> Coarse:
    import cupy

    half = _padded(rows, None, ones)
    values, places = prepared.index.search(half, keep)
    lost = cupy.sqrt(squared(rows - half[:, : rows.shape[1]].astype(np.float32)))
    length = cupy.sqrt(squared(rows))
    most = length * prepared.longest + prepared.longest**2
    slack = lost * prepared.longest + length * prepared.error + most * half.shape[1] * _SUM
    rounded = cupy.abs(values).max(axis=1) * np.float32(ROUNDING) + np.float32(_SMALLEST)
    return Coarse(values, places, slack + rounded)


def _padded(rows: Any, tail: Any, ones: Any = None) -> Any:
    """fp16 rows with room for a tail: `tail` f32[n] in three parts, or three times `ones`."""
    import cupy

    n, d = rows.shape
    extra = 0 if tail is None and ones is None else _TAIL
    out = cupy.zeros((n, whole(d + extra)), np.float16)
    out[:, :d] = rows
    for column in range(d, d + extra):
        if tail is None:
            out[:, column] = ones
        else:
            out[:, column] = tail
            tail = tail - out[:, column].astype(np.float32)
    return out


def _power_below(length: float) -> float:
    """The power of two that brings `length` to at most 1."""
    return 2.0 ** -int(np.frexp(length)[1]) if length > 0 else 1.0
