"""The best few of many scores on the device, ties by id."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastdup_gpu.indexing.keys import EMPTY, pack


def best_keys(tile: Any, ids: Any, keep: int) -> Any:
    """Keys i64[m, keep] of the best of tile f32[m, n], whose columns are `ids` i64[n]."""
    import cupy

    keys = pack(tile, ids[None, :])
    if keys.shape[1] > keep:
        keys = cupy.partition(keys, keep - 1, axis=1)[:, :keep]
    return merge(cupy.full((len(tile), keep), EMPTY, np.int64), keys)


def merge(kept: Any, more: Any) -> Any:
    """The best of two sets of keys, as many as `kept` holds, sorted."""
    import cupy

    both = cupy.concatenate([kept, more], axis=1)
    return cupy.sort(both, axis=1)[:, : kept.shape[1]]


def in_order(scores: Any, ids: Any, sign: int) -> tuple[Any, Any]:
    """f64 scores and ids of each row, best first, equal ones by id; nan scores last."""
    import cupy

    by_id = cupy.argsort(ids, axis=1)
    scores, ids = (cupy.take_along_axis(a, by_id, axis=1) for a in (scores, ids))
    falling = cupy.where(cupy.isnan(scores), np.inf, -sign * scores)
    gone = cupy.isnan(scores)
    order = cupy.argsort(falling, axis=1, kind="stable")
    scores, ids, gone = (cupy.take_along_axis(a, order, axis=1) for a in (scores, ids, gone))
    last = cupy.argsort(gone.astype(np.int8), axis=1, kind="stable")  # behind infinite distances
    return tuple(cupy.take_along_axis(a, last, axis=1) for a in (scores, ids))
