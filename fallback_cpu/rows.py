"""Which rows can be compared at all.

A row with a value that is not finite, or longer than 1e15, is unusable: it has cosine
similarity 0 to everything, as a row of zeros has, and infinite distance by every other metric.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

FAR = 1e38  # minus this is the affinity to an unusable row: finite, below any other
_LONGEST = 1e30  # squared: beyond it products of two rows overflow float32
SHORTEST = 1e-30  # squared: below it a row counts as zeros where its direction is asked for


def squared(rows: Floats) -> Floats:
    """Squared lengths along the last axis; inf or nan where there is none."""
    with np.errstate(all="ignore"):
        length: Floats = np.einsum("...j,...j->...", rows, rows)
    return length


def usable(length: Floats, shortest: float = 0) -> NDArray[np.bool_]:
    """Whether squared lengths are finite, not too large, and not below `shortest`."""
    return (length >= shortest) & (length < _LONGEST)
