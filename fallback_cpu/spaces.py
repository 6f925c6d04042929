"""The interface of metrics for the searches."""

from __future__ import annotations

from typing import Protocol

from fastdup_gpu.fallback_cpu.distances import Scipy
from fastdup_gpu.fallback_cpu.products import Cosine, Euclidean
from fastdup_gpu.fallback_cpu.rows import Floats
from fastdup_gpu.fallback_cpu.workers import Workers
from fastdup_gpu.indexing.checks import check_metric
from fastdup_gpu.protocol import F32, F64, Metric


class Space(Protocol):
    """A metric, with a fast affinity to pick candidates and the score that is reported.

    `exact`: the affinity is already minus the distance, and `scores` is not needed.
    `sign`: +1 if a larger score is nearer, -1 for distances.
    """

    exact: bool
    sign: int

    def left(self, rows: F32) -> Floats:
        """Rows [m, d] prepared as queries."""
        ...

    def right(self, rows: F32) -> Floats:
        """Rows [n, d] prepared as the base."""
        ...

    def steps(self, rows: F32) -> F32:
        """The rounding grid of each query row's affinities: powers of two, or 0."""
        ...

    def affinity(self, left: Floats, right: Floats, workers: Workers) -> F32:
        """f32[m, n]: larger is nearer, symmetric, finite."""
        ...

    def scores(self, queries: F32, candidates: F32) -> F64:
        """Scores f64[m, c] of rows [m, d] against each one's own candidates [m, c, d]."""
        ...


def open_space(metric: Metric, base: F32) -> Space:
    """The space of a metric, for searches in `base`; raises InvalidArgument if there is none."""
    check_metric(metric)
    if metric == "cosine":
        return Cosine()
    return Euclidean(base) if metric == "euclidean" else Scipy(metric)
