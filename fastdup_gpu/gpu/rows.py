"""Rows on the device; which are usable: indexing/rows.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastdup_gpu.indexing.rows import SHORTEST, usable


def squared(rows: Any) -> Any:
    """Squared lengths along the last axis, in the dtype of `rows`; inf or nan if not finite."""
    return (rows * rows).sum(axis=-1)


def cleaned(rows: Any) -> tuple[Any, Any]:
    """The rows with unusable ones zeroed, and bool[n] which are usable."""
    import cupy

    good = usable(squared(rows))
    return cupy.where(good[:, None], rows, rows.dtype.type(0)), good


def unit(rows: Any) -> Any:
    """Clean rows of unit length, or of zeros."""
    import cupy

    length = squared(rows)
    factor = 1 / cupy.sqrt(cupy.where(length >= SHORTEST, length, np.float32(1)))
    return rows * cupy.where(length >= SHORTEST, factor, np.float32(0))[:, None]


def uploaded(rows: Any) -> Any:
    """Host rows, maybe of a memory map, as f32 in device memory."""
    import cupy

    return cupy.asarray(np.ascontiguousarray(rows, np.float32))
