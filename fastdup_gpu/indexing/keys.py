"""(value, id) pairs as sortable integers, in numpy's arrays or CuPy's."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastdup_gpu.protocol import F32, I64

EMPTY = np.iinfo(np.int64).max
_SIGN = np.int32(0x7FFFFFFF)


def pack(values: Any, ids: Any) -> Any:
    """i64 keys that sort by value f32, largest first, then by id, smallest first; ids < 2**32."""
    bits = (values + np.float32(0)).view(np.int32)  # adding 0 makes -0.0 equal to 0.0
    ordered = bits ^ ((bits >> np.int32(31)) & _SIGN)
    return (~ordered).astype(np.int64) << 32 | ids


def values_of(keys: I64) -> F32:
    """The values in host keys, -inf for an empty place."""
    ordered = ~(keys >> 32).astype(np.int32)
    values = (ordered ^ ((ordered >> 31) & _SIGN)).view(np.float32)
    return np.where(keys == EMPTY, np.float32(-np.inf), values)


def ids_of(keys: Any) -> Any:
    """The ids in keys, -1 for an empty place."""
    ids = keys & np.int64(0xFFFFFFFF)
    ids[keys == EMPTY] = -1
    return ids
