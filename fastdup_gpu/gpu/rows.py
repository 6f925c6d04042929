"""Which rows can be compared at all: the rule of the CPU backend, on the device.

A row with a value that is not finite, or longer than 1e15, is unusable: it has cosine
similarity 0 to everything, as a row of zeros has, and infinite distance by every other metric.
"""

from __future__ import annotations

from typing import Any

LONGEST = 1e30  # squared: beyond it products of two rows overflow float32
SHORTEST = 1e-30  # squared: below it a row counts as zeros where its direction is asked for


def squared(rows: Any) -> Any:
    """Squared lengths along the last axis, in the dtype of `rows`; inf or nan where none."""
    return (rows * rows).sum(axis=-1)


def usable(length: Any, shortest: float = 0) -> Any:
    """Whether squared lengths are finite, not too large, and not below `shortest`."""
    return (length >= shortest) & (length < LONGEST)


def cleaned(rows: Any) -> tuple[Any, Any]:
    """The rows with unusable ones zeroed, and bool[n] which are usable."""
    import cupy

    good = usable(squared(rows))
    return cupy.where(good[:, None], rows, rows.dtype.type(0)), good
