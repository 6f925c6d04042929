"""Exact cosine similarities over stored features, a block of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
I64 = NDArray[np.int64]

# Rows of a block: fewer where there are many, so that a block has some 64 MB.
_MOST, _LEAST, _CELLS = 1024, 16, 1 << 24


def unit_rows(matrix: F32) -> F32:
    """A copy of f32[n, d] whose rows have length 1; those without a direction (zeros, or numbers
    that are not finite) are zeros."""
    rows = np.array(matrix, np.float32)
    rows[~np.isfinite(rows).all(axis=1)] = 0
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    np.divide(rows, lengths, out=rows, where=lengths > 0)
    return rows


def blocks(rows: F32) -> Iterator[tuple[int, F32]]:
    """(first, f32[m, n]): similarities of rows first to first+m with all rows of f32[n, d]."""
    size = min(_MOST, max(_LEAST, _CELLS // max(len(rows), 1)))
    for first in range(0, len(rows), size):
        yield first, rows[first : first + size] @ rows.T


def nearest(matrix: F32, k: int) -> tuple[I64, F32]:
    """For each row of f32[n, d] its k most similar others: ids i64[n, k], most similar first,
    and similarities f32[n, k]; k is cut to n - 1. Equal ones stand in order of id; which of
    several that equal the last one are taken is open, but always the same."""
    rows = unit_rows(matrix)
    k = max(min(k, len(rows) - 1), 0)
    ids, values = np.empty((len(rows), k), np.int64), np.empty((len(rows), k), np.float32)
    for first, block in blocks(rows) if k else ():
        last = first + len(block)
        block[np.arange(len(block)), np.arange(first, last)] = -np.inf
        some = np.sort(np.argpartition(block, -k, axis=1)[:, -k:], axis=1)
        found = np.take_along_axis(block, some, axis=1)
        order = np.argsort(-found, axis=1, kind="stable")
        ids[first:last] = np.take_along_axis(some, order, axis=1)
        values[first:last] = np.take_along_axis(found, order, axis=1)
    return ids, values
