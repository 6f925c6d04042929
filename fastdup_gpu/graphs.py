"""What both backends mean by components and PageRank."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from fastdup_gpu._errors import InvalidArgument
from fastdup_gpu.protocol import I64

DAMPING = 0.85
TOLERANCE = 1e-10  # change of all ranks together at which the iteration stops
ROUNDS = 200


def check_edges(n: int, sources: I64, targets: I64) -> None:
    """Refuse vertices that a graph of n vertices has not."""
    for name, ends in (("sources", sources), ("targets", targets)):
        if len(ends) and (ends.min() < 0 or ends.max() >= n):
            raise InvalidArgument(
                f"{name} holds vertices from {ends.min()} to {ends.max()}, but the graph has "
                f"{n}; they have to lie in 0 .. {n - 1}."
            )


def by_smallest_member(labels: Any, xp: ModuleType) -> Any:
    """Labels of any kind numbered 0, 1, ... in order of each one's first vertex.

    `labels` [n] and the answer i64[n] are arrays of `xp` (numpy or CuPy).
    """
    _, first, which = xp.unique(labels, return_index=True, return_inverse=True)
    number = xp.empty(len(first), dtype=np.int64)
    number[xp.argsort(first)] = xp.arange(len(first))
    return number[which]
