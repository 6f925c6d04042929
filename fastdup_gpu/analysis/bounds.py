"""Bounds of a statistic: values outside them are outliers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from fastdup_gpu._arguments import real_number
from fastdup_gpu._errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class Bounds:
    """Values of a metric below `low` or above `high` are outliers."""

    low: float | None
    high: float | None

    def outside(self, values: pd.Series[float]) -> pd.Series[bool]:
        """Which values lie outside; nan never does."""
        below = values < (float("-inf") if self.low is None else self.low)
        return below | (values > (float("inf") if self.high is None else self.high))


def numbers_of(cells: pd.Series[Any], metric: str) -> pd.Series[float]:
    """The values of a metric, nan where one is missing; raises InvalidArgument if the column holds
    anything but numbers."""
    return pd.Series([_number(cell, metric) for cell in cells], cells.index, dtype=float)


def _number(cell: Any, metric: str) -> float:
    try:
        return float("nan") if cell is None or cell is pd.NA else float(cell)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidArgument(
            f"metric={metric!r}: the column contains {cell!r}; expected a column of numbers"
        ) from error


def bounds_of(
    values: pd.Series[float],
    lower_percentile: float | None,
    upper_percentile: float | None,
    lower_threshold: float | None,
    upper_threshold: float | None,
) -> Bounds:
    """The thresholds given, or those at the percentiles (0 to 1, by linear interpolation)."""
    bounds = Bounds(
        _limit(values, "lower", lower_percentile, lower_threshold),
        _limit(values, "upper", upper_percentile, upper_threshold),
    )
    if bounds == Bounds(None, None):
        raise InvalidArgument(
            "no bound was given; give lower_percentile, upper_percentile, lower_threshold or "
            "upper_threshold"
        )
    if bounds.low is not None and bounds.high is not None and bounds.low > bounds.high:
        raise InvalidArgument(
            f"the lower bound, {bounds.low:g}, is above the upper bound, {bounds.high:g}, so every "
            "image would be an outlier; outliers are the values below lower_threshold or "
            "lower_percentile, and those above upper_threshold or upper_percentile"
        )
    return bounds


def _limit(
    values: pd.Series[float], side: str, percentile: float | None, threshold: float | None
) -> float | None:
    if percentile is not None and threshold is not None:
        raise InvalidArgument(
            f"{side}_percentile={percentile!r} and {side}_threshold={threshold!r} were both "
            "given; use one of them"
        )
    if threshold is not None:
        return real_number(f"{side}_threshold", threshold)
    if percentile is None:
        return None
    real_number(f"{side}_percentile", percentile, "a number from 0 to 1", 0, 1)
    return float(values.quantile(percentile))
