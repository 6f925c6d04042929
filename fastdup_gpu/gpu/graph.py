"""Components and PageRank of the similarity graph, by cuGraph."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastdup_gpu.graphs import DAMPING, ROUNDS, TOLERANCE, by_smallest_member, check_edges
from fastdup_gpu.protocol import F64, I64


def components(n: int, sources: I64, targets: I64) -> I64:
    """Weakly connected components i64[n], numbered in order of their smallest members."""
    import cupy
    from pylibcugraph import ResourceHandle, weakly_connected_components

    check_edges(n, sources, targets)
    if not len(sources):
        return np.arange(n)
    handle = ResourceHandle()
    graph = _graph(handle, n, cupy.asarray(sources), cupy.asarray(targets), None, turned=False)
    vertices, found = weakly_connected_components(handle, graph, None, None, None, None, False)
    labels = cupy.empty(n, np.int64)
    labels[cupy.asarray(vertices)] = cupy.asarray(found)
    numbered: I64 = cupy.asnumpy(by_smallest_member(labels, cupy))
    return numbered


def pagerank(n: int, sources: I64, targets: I64, weights: F64) -> F64:
    """PageRank f64[n], sum 1, damping 0.85, of the undirected graph of the edges.

    An edge given twice, in either direction, counts once with its largest weight; edges from a
    vertex to itself are dropped; what a vertex without edges holds is spread evenly over all.
    Weights are positive; edges with other weights are dropped.
    """
    import cupy
    from pylibcugraph import ResourceHandle
    from pylibcugraph import pagerank as cugraph_pagerank

    check_edges(n, sources, targets)
    low, high, value = _undirected(n, sources, targets, weights)
    if n == 0 or not len(value):
        return np.full(n, 1 / max(1, n))
    handle = ResourceHandle()
    ends = cupy.concatenate([low, high]), cupy.concatenate([high, low])
    graph = _graph(handle, n, *ends, cupy.concatenate([value, value]), turned=True)
    # cuGraph's manual says that it multiplies the tolerance by n, its source has not done so.
    # The smaller of the two costs some rounds more at worst.
    tolerance = TOLERANCE / n
    vertices, ranks, *_ = cugraph_pagerank(
        handle, graph, None, None, None, None, DAMPING, tolerance, ROUNDS, False, False
    )
    out = cupy.empty(n, np.float64)
    out[cupy.asarray(vertices)] = cupy.asarray(ranks)
    total: F64 = cupy.asnumpy(out / out.sum())
    return total


def _graph(handle: Any, n: int, sources: Any, targets: Any, weights: Any, *, turned: bool) -> Any:
    """All n vertices, those without edges too; `turned` is how pagerank wants it stored."""
    import cupy
    from pylibcugraph import GraphProperties, SGGraph

    return SGGraph(
        handle,
        GraphProperties(is_symmetric=True, is_multigraph=False),
        sources,
        targets,
        weight_array=weights,
        store_transposed=turned,
        renumber=True,
        do_expensive_check=False,
        vertices_array=cupy.arange(n, dtype=np.int64),
        symmetrize=not turned,
        drop_self_loops=True,
        drop_multi_edges=True,
    )


def _undirected(n: int, sources: I64, targets: I64, weights: F64) -> tuple[Any, Any, Any]:
    """Each pair of vertices once, with its largest weight."""
    import cupy
    import cupyx

    kept = (sources != targets) & (weights > 0) & np.isfinite(weights)
    low = cupy.asarray(np.minimum(sources, targets)[kept])
    high = cupy.asarray(np.maximum(sources, targets)[kept])
    pairs, which = cupy.unique(low * max(1, n) + high, return_inverse=True)
    largest = cupy.zeros(len(pairs), np.float64)
    cupyx.scatter_max(largest, which, cupy.asarray(weights[kept], dtype=np.float64))
    return pairs // max(1, n), pairs % max(1, n), largest
