"""Distances that are not matrix products: candidates by cuVS or our kernel, scores in float64.

The distance of two rows of zeros, for which braycurtis and jensenshannon are undefined, is 0; by
jensenshannon a row of zeros is infinitely far from any other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastdup_gpu._errors import InvalidArgument
from fastdup_gpu.gpu.coarse import BruteForce, Coarse
from fastdup_gpu.gpu.rows import squared
from fastdup_gpu.protocol import Metric

FAR = 1e38  # minus this is the affinity of rows without a finite distance
_NAMES = {"l1": "cityblock", "linf": "chebyshev"}
_SLACK = 2.0**-13  # relative: far above what float32 sums lose over any feature length
_TINY = 1e-300
# Absolute. A divergence near 0 is lost in float32's rounding, and its root is what is compared.
_LEAST = {"jensenshannon": 2.0**-10}
_ROWS = 65_536  # prepared at a time, in float64


class Distances:
    """One of l1, linf, canberra, braycurtis, jensenshannon. See spaces.Space."""

    sign, neutral = -1, float("inf")

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self.most = 32 if metric == "braycurtis" else 1024

    def check(self, rows: Any) -> None:
        """jensenshannon compares distributions, which are not negative."""
        if self._metric == "jensenshannon" and rows.size and float(rows.min()) < 0:
            raise InvalidArgument(
                f"distance='jensenshannon' was given features with negative values "
                f"({float(rows.min()):g}); it compares distributions, so values must not "
                "be negative. Choose another distance."
            )

    def prepare(self, base: Any) -> Any:
        """The rows themselves, indexed by cuVS if it has the metric."""
        import cupy

        if self._metric == "braycurtis":
            return base
        if self._metric == "jensenshannon":
            rows = cupy.empty_like(base)
            for start in range(0, len(base), _ROWS):
                rows[start : start + _ROWS] = self._shares(base[start : start + _ROWS])
            base = rows
        return BruteForce(base, _NAMES.get(self._metric, self._metric))

    def candidates(self, prepared: Any, queries: Any, keep: int) -> Coarse:
        """By the distance in float32."""
        import cupy

        from fastdup_gpu.kernels.braycurtis_topk import braycurtis_topk

        if self._metric == "braycurtis":
            distances, places = braycurtis_topk(queries, prepared, keep)
            values = -distances
        else:
            values, places = prepared.search(self._shares(queries).astype(np.float32), keep)
        largest = cupy.abs(values).max(axis=1)
        least = np.float32(_LEAST.get(self._metric, 1e-6))
        return Coarse(values, places, largest * np.float32(_SLACK) + least)

    def coarse_of(self, prepared: Any, queries: Any, scores: Any) -> Any:
        """Minus the distance."""
        return -scores

    def affinity(self, queries: Any, base: Any) -> Any:
        """Minus the distance, summed in float64 column by column."""
        import cupy

        left, right = self._shares(queries), self._shares(base)
        top, bottom = cupy.zeros((len(left), len(right))), cupy.zeros((len(left), len(right)))
        for column in range(left.shape[1]):
            a, b = left[:, column, None], right[None, :, column]
            self._add(top, bottom, a, b)
        found = self._finish(top, bottom, _lone(left, right))
        return cupy.maximum(-found, -FAR).astype(np.float32)

    def scores(self, queries: Any, candidates: Any) -> Any:
        """The distance in float64."""
        import cupy

        left = self._shares(queries)[:, None, :]
        right = self._shares(candidates)
        terms, sums = self._terms(left, right)
        top = terms.max(axis=-1) if self._metric == "linf" else terms.sum(axis=-1)
        bottom = sums.sum(axis=-1) if sums is not None else cupy.zeros_like(top)
        none = (squared(left) == 0) ^ (squared(right) == 0)
        return self._finish(top, bottom, none)

    def _add(self, top: Any, bottom: Any, a: Any, b: Any) -> None:
        import cupy

        terms, sums = self._terms(a, b)
        if self._metric == "linf":
            cupy.maximum(top, terms, out=top)
        else:
            top += terms
        if sums is not None:
            bottom += sums

    def _terms(self, a: Any, b: Any) -> tuple[Any, Any]:
        """What each value adds to the numerator, and for braycurtis to the denominator."""
        import cupy

        if self._metric == "jensenshannon":
            middle = (a + b) / 2
            return (_entropy(a) + _entropy(b)) / 2 - _entropy(middle), None
        gap = cupy.abs(a - b)
        if self._metric == "canberra":
            both = cupy.abs(a) + cupy.abs(b)
            return cupy.where(both > 0, gap / cupy.where(both > 0, both, 1.0), 0.0), None
        return gap, cupy.abs(a + b) if self._metric == "braycurtis" else None

    def _finish(self, top: Any, bottom: Any, none: Any) -> Any:
        import cupy

        if self._metric == "jensenshannon":
            return cupy.where(none, np.inf, cupy.sqrt(cupy.maximum(top, 0.0)))
        if self._metric == "braycurtis":
            zero = (top == 0) & (bottom == 0)
            return cupy.where(zero, 0.0, top / cupy.where(bottom > 0, bottom, _TINY))
        return top

    def _shares(self, rows: Any) -> Any:
        """Rows in float64; for jensenshannon divided by their sums."""
        import cupy

        wide = rows.astype(np.float64)
        if self._metric != "jensenshannon":
            return wide
        total = wide.sum(axis=-1, keepdims=True)
        return wide / cupy.where(total > 0, total, 1.0)


def _lone(left: Any, right: Any) -> Any:
    """Where one of two rows is all zeros and the other is not."""
    return (squared(left) == 0)[:, None] ^ (squared(right) == 0)[None, :]


def _entropy(x: Any) -> Any:
    """x log x, 0 at 0."""
    import cupy

    return x * cupy.log(cupy.maximum(x, _TINY))
