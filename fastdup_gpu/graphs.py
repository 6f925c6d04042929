"""Components and PageRank as both backends define them.

Components are weakly connected and numbered 0, 1, ... in order of their smallest members. PageRank
is that of the undirected graph of the edges, damping 0.85, sum 1: an edge given twice, in either
direction, counts once with its largest weight; edges from a vertex to itself and edges whose
weight is not positive and finite are ignored; the rank of a vertex without edges is spread evenly
over all vertices.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from fastdup_gpu._errors import InvalidArgument
from fastdup_gpu.protocol import F64, I64

DAMPING = 0.85
TOLERANCE = 1e-10  # total change of the ranks at which the iteration stops
ROUNDS = 200


def check_edges(n: int, sources: I64, targets: I64) -> None:
    """Raise InvalidArgument for vertex ids outside 0 .. n - 1."""
    for name, ends in (("sources", sources), ("targets", targets)):
        if len(ends) and (ends.min() < 0 or ends.max() >= n):
            raise InvalidArgument(
                f"{name} contains vertices from {ends.min()} to {ends.max()}, but the graph has "
                f"{n}; expected 0 .. {n - 1}."
            )


def by_smallest_member(labels: Any, xp: ModuleType) -> Any:
    """Number labels of any kind 0, 1, ... in order of the first vertex of each.

    `labels` [n] and the result i64[n] are arrays of `xp` (numpy or CuPy).
    """
    _, first, which = xp.unique(labels, return_index=True, return_inverse=True)
    number = xp.empty(len(first), dtype=np.int64)
    number[xp.argsort(first)] = xp.arange(len(first))
    return number[which]


def undirected(
    n: int, sources: I64, targets: I64, weights: F64, xp: ModuleType
) -> tuple[Any, Any, Any]:
    """(low, high, largest weight) of each pair of vertices with an edge, in order.

    i64[e], i64[e], f64[e], arrays of `xp` (numpy or CuPy). Two sorts replace cupyx's scatter_max,
    which rounds float64 to float32.
    """
    kept = (sources != targets) & (weights > 0) & np.isfinite(weights)
    low = xp.asarray(np.minimum(sources, targets)[kept])
    high = xp.asarray(np.maximum(sources, targets)[kept])
    pairs, values = low * max(1, n) + high, xp.asarray(weights[kept], dtype=np.float64)
    order = xp.argsort(values)
    order = order[xp.argsort(pairs[order], kind="stable")]
    pairs, values = pairs[order], values[order]
    last = xp.ones(len(pairs), dtype=bool)
    last[:-1] = pairs[1:] != pairs[:-1]
    pairs = pairs[last]
    return pairs // max(1, n), pairs % max(1, n), values[last]
