"""Checks of the arguments of indices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastdup_gpu._errors import FormatError, InvalidArgument, choose
from fastdup_gpu.protocol import F32, METRICS, Metric, SearchPlan

_APPROXIMATE_METRICS = ("cosine", "euclidean")


def check_metric(metric: Metric) -> None:
    """Raise InvalidArgument for an unknown metric."""
    if metric not in METRICS:
        raise choose("distance", metric, METRICS)


def only_exact(features: F32, plan: SearchPlan, modes: Sequence[str]) -> bool:
    """Whether only exact search supports the metric of the plan. Raises InvalidArgument for
    features and plans that cannot be indexed."""
    if features.ndim != 2 or features.shape[1] < 1:
        raise InvalidArgument(f"features of shape {features.shape} were given; expected (n, d).")
    if plan.mode not in modes:
        raise choose("nnf_mode", plan.mode, tuple(modes))
    check_metric(plan.metric)
    if plan.metric in _APPROXIMATE_METRICS:
        return False
    if plan.mode not in ("auto", "flat"):
        raise choose("distance", plan.metric, _APPROXIMATE_METRICS, hint="Or use nnf_mode='Flat'.")
    return True


def check_queries(features: F32, queries: F32, k: int, exclude_self: bool) -> None:
    """Raise InvalidArgument for arguments of `Index.search` that do not fit the base."""
    if queries.ndim != 2 or queries.shape[1] != features.shape[1]:
        raise InvalidArgument(
            f"queries of shape {queries.shape} were given to an index of rows of "
            f"{features.shape[1]} values; expected (m, {features.shape[1]})."
        )
    if k < 1:
        raise InvalidArgument(f"k={k} was given; expected 1 or more.")
    if exclude_self and len(queries) > len(features):
        raise InvalidArgument(
            f"exclude_self was given with {len(queries)} queries, but the index has "
            f"{len(features)} rows; the queries must be its first rows, in order."
        )


def read_recalls(
    path: Path, header: dict[str, Any], field: str = "recalls"
) -> dict[int, list[float]]:
    """The measured recalls of a stored index; raises FormatError if there are none."""
    try:
        table = {int(row[0]): [float(r) for r in row[1:]] for row in header[field]}
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise FormatError(f"{path} lacks its measured recalls; run again to rebuild it.") from error
    depths = {len(recalls) for recalls in table.values()}
    if len(depths) != 1 or 0 in depths or not all(0 < effort < 1 << 31 for effort in table):
        raise FormatError(f"{path} has damaged measured recalls; run again to rebuild it.")
    return table
