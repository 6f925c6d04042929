"""Which rows can be compared, in arrays of numpy or CuPy.

A row with a value that is not finite, or with a norm over 1e15, is unusable: it has cosine
similarity 0 to everything, like a row of zeros, and infinite distance by every other metric.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastdup_gpu.protocol import F32, F64

LONGEST = 1e30  # squared norm; above it products of two rows overflow float32
SHORTEST = 1e-30  # squared norm; below it a row has no direction and counts as zeros
_SAMPLE = 4096  # rows, at least, of which the median is taken


def usable(length: Any, shortest: float = 0) -> Any:
    """Whether squared norms are finite, not too large, and not below `shortest`."""
    return (length >= shortest) & (length < LONGEST)


def squared(rows: F32 | F64) -> Any:
    """Squared norms along the last axis of host rows; may be inf or nan."""
    with np.errstate(all="ignore"):
        return np.einsum("...j,...j->...", rows, rows)


def clean(rows: F32) -> F32:
    """Host rows with unusable ones replaced by zeros; the same array if there are none."""
    good = usable(squared(rows))
    return rows if good.all() else np.where(good[:, None], rows, np.float32(0))


def centre(rows: F32) -> F32:
    """The median f32[d] of some usable host rows, which a few far rows do not move. Subtracting it
    changes no difference of rows, and what is left loses less in products of float32."""
    some = rows[:: max(1, len(rows) // _SAMPLE)].astype(np.float64)
    good = usable(squared(some))
    if not good.any():
        return np.zeros(rows.shape[1], np.float32)
    middle: F32 = np.median(some[good], axis=0).astype(np.float32)
    return middle


def unit(rows: F32) -> F32:
    """Host rows scaled to unit norm; unusable rows become zeros."""
    length = squared(rows)
    with np.errstate(all="ignore"):
        scaled: F32 = rows * (1 / np.sqrt(length))[:, None].astype(np.float32)
    scaled[~usable(length, SHORTEST)] = 0
    return scaled
