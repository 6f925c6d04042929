"""The best few of every row of fp16 scores, carried from one tile of columns to the next."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastdup_gpu._errors import InvalidArgument

from . import load

MAX_K = 1024
PITCH = 8  # columns: a row has to begin at a multiple of 16 bytes


def row_topk(scores: Any, columns: int, first: int, best: Any) -> None:
    """Merge a tile of scores into `best`, the keys of the k best so far, in place.

    Formula: the k largest of each row, equal scores in order of place; column c is place
    first + c, and tiles have to come in order of place. `unpacked` reads the keys.
    Shapes: scores f16[m, p], p a multiple of 8, of which the first `columns` count; best
    u64[m, k], k <= 1024, zeros before the first tile. Places are below 2^32.
    Launch: one block of 256 threads per row, 32.8 KB shared. The scores are read once, 16 bytes
    per thread; those above the k-th best are collected, and sorted 2,048 at a time (bitonic).
    Stream: CuPy's current one; returns at once, the caller synchronises.
    Tolerance: exact. Raises InvalidArgument for other shapes, dtypes or k.
    """
    (m, pitch), k = scores.shape, best.shape[1]
    if not 1 <= k <= MAX_K or pitch % PITCH or not 0 <= columns <= pitch:
        raise InvalidArgument(
            f"k={k} and {columns} columns in rows of {pitch} scores were given; row_topk needs k "
            f"from 1 to {MAX_K}, rows of a multiple of {PITCH} scores, and at most as many columns."
        )
    load.require("scores", scores, "float16", (m, pitch))
    load.require("best", best, "uint64", (m, k))
    if m and columns:
        args = load.typed((scores, pitch, columns, first, k, best))
        load.kernel("row_topk")((m,), (load.THREADS,), args)


def unpacked(best: Any) -> tuple[Any, Any]:
    """(scores f32[m, k], places i64[m, k]) of keys, best first; -inf and -1 for empty ones."""
    import cupy

    there = best > 0
    order = (best >> np.uint64(32)).astype(np.uint16)
    bits = cupy.where(order & np.uint16(0x8000), order ^ np.uint16(0x8000), ~order)
    scores = cupy.where(there, bits.view(np.float16).astype(np.float32), np.float32(-np.inf))
    places = np.int64(0xFFFFFFFF) - (best & np.uint64(0xFFFFFFFF)).astype(np.int64)
    return scores, cupy.where(there, places, np.int64(-1))
