"""Results from the device to the host."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def fetched(*arrays: Any) -> list[Any]:
    """Host copies of device arrays, in pinned memory; CuPy's current stream is synchronised once.

    The memory goes back to CuPy's pool of pinned memory when a copy is dropped.
    """
    import cupy

    found = [_pinned(a.shape, a.dtype) if a.size else np.empty(a.shape, a.dtype) for a in arrays]
    for array, host in zip(arrays, found, strict=True):
        if array.size:
            array.get(out=host, blocking=False)
    cupy.cuda.get_current_stream().synchronize()
    return found


def _pinned(shape: tuple[int, ...], dtype: Any) -> Any:
    """As cupyx.empty_pinned, whose package takes most of a second to import."""
    import cupy

    memory = cupy.cuda.alloc_pinned_memory(math.prod(shape) * dtype.itemsize)
    return np.ndarray(shape, dtype, buffer=memory)
