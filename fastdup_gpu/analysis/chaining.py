"""Splits components that are connected only by chains of neighbours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastdup_gpu.analysis.pairs import tiles
from fastdup_gpu.indexing.rows import unit
from fastdup_gpu.protocol import F32, I64


def split_chain(features: F32, min_similarity: float) -> list[I64]:
    """Groups of rows of f32[n, d] in which every two are at least `min_similarity` similar
    (cosine): positions, ascending in each group, groups in order of their first member.

    A group starts from the row that is similar enough to the most others (ties: the first). It
    takes in the row most similar to that one which fits all members, until there is none; then
    the next group starts from the remaining rows. Needs no memory beyond a copy of the features.
    """
    popular = _count_similar(features, min_similarity)
    rows = unit(features)
    ids = np.arange(len(rows))
    left = popular > 0
    groups = [ids[i : i + 1] for i in np.flatnonzero(~left)]
    for seed in np.argsort(-popular, kind="stable"):
        at = int(np.searchsorted(ids, seed))
        if at == len(ids) or ids[at] != seed or not left[at]:
            continue
        group = _grow(rows, at, left, min_similarity)
        left[group] = False
        groups.append(np.sort(ids[group]))
        if 2 * np.count_nonzero(left) < len(ids):  # placed rows need not be visited again
            rows, ids, left = rows[left], ids[left], left[left]
    return sorted(groups, key=lambda group: int(group[0]))


def _count_similar(features: F32, min_similarity: float) -> I64:
    """i64[n]: how many other rows each row is similar enough to."""
    counts = np.zeros(len(features), np.int64)
    for row, column, tile in tiles(features):
        near = tile >= min_similarity
        height, width = near.shape
        counts[row : row + height] += np.count_nonzero(near, axis=1)
        counts[column : column + width] += np.count_nonzero(near, axis=0)
    return counts


def _grow(rows: F32, seed: int, left: NDArray[np.bool_], min_similarity: float) -> I64:
    to_seed = rows @ rows[seed]
    fitting = left & (to_seed >= min_similarity)
    fitting[seed] = False
    near = np.flatnonzero(fitting)
    near = near[np.argsort(-to_seed[near], kind="stable")]
    around = rows[near]
    group = [seed]
    while len(near):
        group.append(int(near[0]))
        kept = around[1:] @ around[0] >= min_similarity
        near, around = near[1:][kept], around[1:][kept]
    return np.array(group, np.int64)
