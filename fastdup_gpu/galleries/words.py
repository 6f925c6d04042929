"""Numbers and counts as text for pages."""

from __future__ import annotations

import math

import pandas as pd

from fastdup_gpu._words import count

__all__ = ["count", "number", "similarity", "similarity_text"]


def number(value: float) -> str:
    """A value of any size with about four digits."""
    if not math.isfinite(value):
        return "–"
    if float(value).is_integer() or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) >= 10 else f"{value:.4g}"


def similarity(value: float) -> str:
    """A similarity with four digits; only identical images are shown as 1."""
    return f"{min(value, 0.9999) if round(value, 6) < 1 else value:.4f}"


def similarity_text(pairs: pd.DataFrame) -> str:
    """', similarity 0.9 to 1': the range of a table, '' for an empty one."""
    if pairs.empty:
        return ""
    low, high = pairs["distance"].min(), pairs["distance"].max()
    return f", similarity {similarity(low)} to {similarity(high)}"
