"""Exact nearest neighbours by Bray-Curtis distance, which cuVS does not have for dense rows."""

from __future__ import annotations

from typing import Any

from fastdup_gpu._errors import InvalidArgument

from . import load

MAX_K = 32
QUERIES, BASE = 32, 64  # rows of one tile, as in the .cu
WANTED_BLOCKS = 1024  # a few per multiprocessor: few queries split the base among blocks


def braycurtis_topk(queries: Any, base: Any, k: int) -> tuple[Any, Any]:
    """(distances, ids) of the k nearest base rows of every query, nearest first.

    Formula: sum_c |q_c - b_c| / sum_c |q_c + b_c| in float32, 0 where both sums are 0; equal
    distances are in order of id. If there are fewer than k rows, the rest is id -1 and distance
    nan.
    Shapes: queries f32[m, d], base f32[n, d], k <= 32 -> f32[m, k], i64[m, k] (new arrays).
    Launch: blocks of 256 over tiles of 32 queries x 64 base rows, 16 columns at a time in shared
    memory (14 KB); every warp keeps the lists of 4 queries, one place per lane. With few queries
    the base is split over gridDim.y, and a second kernel (one warp per query) merges the lists.
    Stream: CuPy's current one; returns at once, the caller synchronises. Scratch: 12 bytes times
    splits * m * k.
    Tolerance: 1e-5 relative in the distance. Raises InvalidArgument for other shapes, dtypes or k.
    """
    import cupy

    if not 1 <= k <= MAX_K:
        raise InvalidArgument(f"k={k} was given; choose k from 1 to {MAX_K} for braycurtis_topk")
    (m, d), n = queries.shape, len(base)
    load.require("queries", queries, "float32", (m, d))
    load.require("base", base, "float32", (n, d))
    splits, rows = split_base(m, n)
    partial = cupy.empty((splits, m, k), cupy.float32), cupy.empty((splits, m, k), cupy.int64)
    distances, ids = cupy.empty((m, k), cupy.float32), cupy.empty((m, k), cupy.int64)
    if m:
        args = load.typed((queries, base, m, n, d, k, rows, *partial))
        load.kernel("braycurtis_topk")((-(-m // QUERIES), splits), (load.THREADS,), args)
    merge = load.kernel("braycurtis_topk", "merge_topk")
    load.launch(merge, m * 32, (*partial, m, k, splits, distances, ids))
    return distances, ids


def split_base(m: int, n: int) -> tuple[int, int]:
    """(splits, base rows per split) that give m queries about WANTED_BLOCKS blocks."""
    tiles = max(1, -(-n // BASE))
    splits = min(tiles, max(1, WANTED_BLOCKS // max(1, -(-m // QUERIES))))
    rows = -(-tiles // splits) * BASE
    return max(1, -(-n // rows)), rows
