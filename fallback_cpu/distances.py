"""The distances that are not matrix products, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastdup_gpu._errors import InvalidArgument
from fastdup_gpu.fallback_cpu.rows import FAR, Floats
from fastdup_gpu.fallback_cpu.workers import Workers, blocks
from fastdup_gpu.indexing.rows import squared, usable
from fastdup_gpu.protocol import F32, F64, Metric

# Elements of the temporary array in `jensenshannon`, which has to stay in the cache.
_CHUNK = 1 << 16
_NAMES: dict[str, Any] = {"l1": "cityblock", "linf": "chebyshev"}
_TINY = np.finfo(np.float64).tiny


class Scipy:
    """A distance as scipy.spatial.distance defines it. See spaces.Space.

    The distance of two rows of zeros, for which braycurtis and jensenshannon are undefined, is 0;
    by jensenshannon a row of zeros is infinitely far from any other.
    """

    exact, sign = True, -1

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def left(self, rows: F32) -> F64:
        """Rows in float64, unusable ones filled with nan."""
        wide = rows.astype(np.float64)
        good = usable(squared(rows))
        if self._metric == "jensenshannon":
            _refuse_negative(wide[good])
            with np.errstate(all="ignore"):
                wide /= wide.sum(axis=1, keepdims=True)
            wide[squared(rows) == 0] = 0
        wide[~good] = np.nan
        return wide

    right = left

    def steps(self, rows: F32) -> F32:
        """No rounding: the values are exact."""
        return np.zeros(len(rows), dtype=np.float32)

    def affinity(self, left: Floats, right: Floats, workers: Workers) -> F32:
        """Minus the distance."""
        tile = np.empty((len(left), len(right)), dtype=np.float32)

        def work(rows: slice) -> None:
            with np.errstate(all="ignore"):
                tile[rows] = -self._distances(left[rows], right)

        workers.split(len(left), work)
        tile[np.isnan(tile)] = 0
        tile[np.isnan(left[:, 0])] = -FAR
        tile[:, np.isnan(right[:, 0])] = -FAR
        return np.maximum(tile, -FAR, out=tile)

    def _distances(self, left: Floats, right: Floats) -> F64:
        if self._metric == "jensenshannon":
            return jensenshannon(left, right)
        from scipy.spatial.distance import cdist  # takes a third of a second, and few runs need it

        distances: F64 = cdist(left, right, _NAMES.get(self._metric, self._metric))
        return distances

    def scores(self, queries: F32, candidates: F32) -> F64:
        """Never called, because the affinity is exact."""
        raise NotImplementedError


def jensenshannon(left: Floats, right: Floats) -> F64:
    """scipy's jensenshannon between rows of sum 1, with one logarithm per element instead of two.

    The divergence is H(m) - (H(p) + H(q)) / 2 with m = (p + q) / 2 and H the entropy.
    """
    half_left, half_right = left / 2, right / 2
    squares: F64 = -(_entropy(left)[:, None] + _entropy(right)) / 2
    size = max(1, _CHUNK // left.shape[1])
    for row, half in enumerate(half_left):
        for part in blocks(len(right), size):
            squares[row, part] += _entropy(half_right[part] + half)
    distance: F64 = np.sqrt(np.maximum(squares, 0))
    distance[(left.sum(axis=1) == 0)[:, None] ^ (right.sum(axis=1) == 0)] = np.inf
    return distance


def _entropy(rows: Floats) -> F64:
    logs = np.maximum(rows, _TINY)
    np.log(logs, out=logs)
    entropy: F64 = -np.einsum("ij,ij->i", rows, logs)
    return entropy


def _refuse_negative(rows: Floats) -> None:
    if rows.size and rows.min() < 0:
        raise InvalidArgument(
            f"distance='jensenshannon' was given features with negative values ({rows.min():g}); "
            "it compares distributions, so values must not be negative. Choose another distance."
        )
