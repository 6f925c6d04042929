"""Neighbour lists to an edge list."""

from __future__ import annotations

from typing import Any

from . import load


def threshold_edges(ids: Any, scores: Any, threshold: float) -> tuple[Any, Any, Any]:
    """(sources, targets, weights) of all neighbours with score >= threshold.

    Formula: one edge (i, ids[i, j], scores[i, j]) for every j with scores[i, j] >= threshold (as
    float32) and ids[i, j] >= 0, in the order of i, then j; nan scores make no edge.
    Shapes: ids i64[n, k], scores f32[n, k] -> i64[e], i64[e], f32[e] (new arrays).
    Launch: one thread per row, blocks of 256, twice (count, write) around a prefix sum; no
    atomics, so the order is the same in every run.
    Stream: CuPy's current one; waits for it once, to learn e; the writing itself is not awaited.
    Tolerance: exact. Raises InvalidArgument for other shapes or dtypes.
    """
    import cupy

    n, k = ids.shape
    load.require("ids", ids, "int64", (n, k))
    load.require("scores", scores, "float32", (n, k))
    args = (ids, scores, float(threshold), n, k)
    counts = cupy.zeros(n, cupy.int64)
    load.launch(load.kernel("threshold_edges", "count_edges"), n, (*args, counts))
    ends = cupy.cumsum(counts)
    edges = int(ends[-1]) if n else 0
    sources, targets = cupy.empty(edges, cupy.int64), cupy.empty(edges, cupy.int64)
    weights = cupy.empty(edges, cupy.float32)
    write = load.kernel("threshold_edges", "write_edges")
    load.launch(write, n, (*args, ends - counts, sources, targets, weights))
    return sources, targets, weights
