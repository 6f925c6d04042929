"""Components and PageRank of the similarity graph."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from fastdup_gpu.graphs import DAMPING, ROUNDS, TOLERANCE, by_smallest_member, check_edges
from fastdup_gpu.protocol import F64, I64


def components(n: int, sources: I64, targets: I64) -> I64:
    """Weakly connected components i64[n], numbered in order of their smallest members."""
    check_edges(n, sources, targets)
    ones = np.ones(len(sources), dtype=np.int8)
    matrix = sparse.coo_array((ones, (sources, targets)), shape=(n, n))
    _, found = csgraph.connected_components(matrix, directed=True, connection="weak")
    numbered: I64 = by_smallest_member(found, np)
    return numbered


def pagerank(n: int, sources: I64, targets: I64, weights: F64) -> F64:
    """PageRank f64[n], sum 1, damping 0.85, of the undirected graph of the edges.

    An edge given twice, in either direction, counts once with its largest weight; edges from a
    vertex to itself are dropped; what a vertex without edges holds is spread evenly over all.
    Weights are positive; edges with other weights are dropped.
    """
    check_edges(n, sources, targets)
    if n == 0:
        return np.zeros(0)
    matrix = _undirected(n, sources, targets, weights)
    strength = np.asarray(matrix.sum(axis=0)).ravel()
    lone = strength == 0
    share = DAMPING / np.where(lone, 1, strength)
    rank = np.full(n, 1 / n)
    for _ in range(ROUNDS):
        spread = (1 - DAMPING + DAMPING * rank[lone].sum()) / n
        after = matrix @ (rank * share) + spread
        change = np.abs(after - rank).sum()
        rank = after
        if change < TOLERANCE:
            break
    total: F64 = rank / rank.sum()
    return total


def _undirected(n: int, sources: I64, targets: I64, weights: F64) -> sparse.csr_array:
    kept = (sources != targets) & (weights > 0) & np.isfinite(weights)
    low = np.minimum(sources, targets)[kept]
    high = np.maximum(sources, targets)[kept]
    order = np.lexsort((-weights[kept], high, low))
    low, high, value = low[order], high[order], weights[kept][order]
    fresh = np.ones(len(low), dtype=bool)
    fresh[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    low, high, value = low[fresh], high[fresh], value[fresh]
    ends = np.concatenate([low, high]), np.concatenate([high, low])
    return sparse.csr_array((np.concatenate([value, value]), ends), shape=(n, n))
