"""Components and PageRank of the similarity graph."""

from __future__ import annotations

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
    # Imported where they are used: scipy takes a third of a second to import.
    from scipy import sparse
    from scipy.sparse import csgraph

    check_edges(n, sources, targets)
    ones = np.ones(len(sources), dtype=np.int8)
    matrix = sparse.coo_array((ones, (sources, targets)), shape=(n, n))
    _, found = csgraph.connected_components(matrix, directed=True, connection="weak")
    numbered: I64 = by_smallest_member(found, np)
    return numbered


def pagerank(n: int, sources: I64, targets: I64, weights: F64) -> F64:
    """PageRank f64[n]; see fastdup_gpu.graphs."""
    from scipy import sparse

    check_edges(n, sources, targets)
    if n == 0:
        return np.zeros(0)
    low, high, value = undirected(n, sources, targets, weights, np)
    ends = np.concatenate([low, high]), np.concatenate([high, low])
    matrix = sparse.csr_array((np.concatenate([value, value]), ends), shape=(n, n))
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
