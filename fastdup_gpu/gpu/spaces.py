"""The interface of metrics for the searches of the GPU."""

from __future__ import annotations

from typing import Any, Protocol

from fastdup_gpu.gpu.coarse import Coarse
from fastdup_gpu.gpu.distances import Distances
from fastdup_gpu.gpu.products import Cosine, Euclidean
from fastdup_gpu.indexing.checks import check_metric
from fastdup_gpu.protocol import Metric


class Space(Protocol):
    """A metric, with a fast search for candidates and the score that is reported.

    `sign`: +1 if a larger score is nearer, -1 for distances. `neutral`: the score between an
    unusable row and any other. `most`: how many candidates the fast search can return.
    """

    sign: int
    neutral: float
    most: int

    def check(self, rows: Any) -> None:
        """Refuse rows for which the metric has no meaning; raises InvalidArgument."""
        ...

    def prepare(self, base: Any) -> Any:
        """What `candidates` needs from clean rows f32[n, d], n > 0, on the device."""
        ...

    def candidates(self, prepared: Any, queries: Any, keep: int) -> Coarse:
        """About the `keep` best places in the base of clean queries f32[m, d]."""
        ...

    def coarse_of(self, prepared: Any, queries: Any, scores: Any) -> Any:
        """The coarse values that correspond to scores f64[m, c], without rounding errors."""
        ...

    def affinity(self, queries: Any, base: Any) -> Any:
        """f32[m, n]: larger is nearer, finite, equal for rows that are equal."""
        ...

    def scores(self, queries: Any, candidates: Any) -> Any:
        """Scores f64[m, c] of clean rows [m, d] against each one's own candidates [m, c, d]."""
        ...


def open_space(metric: Metric) -> Space:
    """The space of a metric; raises InvalidArgument if there is none."""
    check_metric(metric)
    if metric == "cosine":
        return Cosine()
    return Euclidean() if metric == "euclidean" else Distances(metric)
