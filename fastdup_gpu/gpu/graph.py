"""Components and PageRank of the similarity graph, by cuGraph."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastdup_gpu.graphs import (
    DAMPING,
    ROUNDS,
    TOLERANCE,
    by_smallest_member,
    check_edges,
    undirected,
)
from fastdup_gpu.protocol import F64, I64


def components(n: int, sources: I64, targets: I64) -> I64:
    """Components i64[n]; see fastdup_gpu.graphs."""
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
    """PageRank f64[n]; see fastdup_gpu.graphs."""
    import cupy
    from pylibcugraph import ResourceHandle
    from pylibcugraph import pagerank as cugraph_pagerank

    check_edges(n, sources, targets)
    low, high, value = undirected(n, sources, targets, weights, cupy)
    if n == 0 or not len(value):
        return np.full(n, 1 / max(1, n))
    handle = ResourceHandle()
    ends = cupy.concatenate([low, high]), cupy.concatenate([high, low])
    graph = _graph(handle, n, *ends, cupy.concatenate([value, value]), turned=True)
    # According to its manual, cuGraph multiplies the tolerance by n, but its source does not. The
    # smaller of the two costs a few more rounds at worst.
    tolerance = TOLERANCE / n
    vertices, ranks, *_ = cugraph_pagerank(
        handle, graph, None, None, None, None, DAMPING, tolerance, ROUNDS, False, False
    )
    out = cupy.empty(n, np.float64)
    out[cupy.asarray(vertices)] = cupy.asarray(ranks)
    total: F64 = cupy.asnumpy(out / out.sum())
    return total


def _graph(handle: Any, n: int, sources: Any, targets: Any, weights: Any, *, turned: bool) -> Any:
    """All n vertices, including those without edges; pagerank needs it stored `turned`."""
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
