"""The most similar rows of each row of stored features, by the exact search of a backend."""

from __future__ import annotations

import numpy as np

from fastdup_gpu._registry import open_backend
from fastdup_gpu.protocol import F32, I64, SearchPlan


def nearest(matrix: F32, k: int, compute: str) -> tuple[I64, F32]:
    """For each row of f32[n, d] the k most similar others by cosine: ids i64[n, k], most similar
    first, ties in order of id, and similarities f32[n, k]; k is limited to n - 1.

    A row without a direction (zeros, or numbers that are not finite) has similarity 0 to all.
    `compute`: as of fastdup_gpu._registry.open_backend, whose errors are raised.
    """
    n = len(matrix)
    k = min(k, n - 1)
    if k < 1:
        return np.empty((n, 0), np.int64), np.empty((n, 0), np.float32)
    index = open_backend(compute).build_index(matrix, SearchPlan(mode="flat"))
    found = index.search(matrix, k, exclude_self=True)
    return found.ids, found.scores
