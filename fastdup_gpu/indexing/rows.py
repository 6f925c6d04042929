"""Which rows can be compared at all, in numpy's arrays or CuPy's.

A row with a value that is not finite, or longer than 1e15, is unusable: it has cosine
similarity 0 to everything, as a row of zeros has, and infinite distance by every other metric.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastdup_gpu.protocol import F32, F64

_LONGEST = 1e30  # squared: beyond it products of two rows overflow float32
SHORTEST = 1e-30  # squared: below it a row counts as zeros where its direction is asked for


def usable(length: Any, shortest: float = 0) -> Any:
    """Whether squared lengths are finite, not too large, and not below `shortest`."""
    return (length >= shortest) & (length < _LONGEST)


def squared(rows: F32 | F64) -> Any:
    """Squared lengths along the last axis of host rows; inf or nan where there is none."""
    with np.errstate(all="ignore"):
        return np.einsum("...j,...j->...", rows, rows)


def clean(rows: F32) -> F32:
    """Host rows with unusable ones zeroed; the rows themselves where there are none."""
    good = usable(squared(rows))
    return rows if good.all() else np.where(good[:, None], rows, np.float32(0))


def unit(rows: F32) -> F32:
    """Host rows of unit length, or of zeros."""
    length = squared(rows)
    with np.errstate(all="ignore"):
        scaled: F32 = rows * (1 / np.sqrt(length))[:, None].astype(np.float32)
    scaled[~usable(length, SHORTEST)] = 0
    return scaled
