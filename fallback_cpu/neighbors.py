"""Indices over features: which kind, and how they come back from disk."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from fastdup_gpu._errors import FormatError, InvalidArgument, MissingDependency, choose
from fastdup_gpu.fallback_cpu import hnsw, ivf
from fastdup_gpu.fallback_cpu.exact import FlatIndex
from fastdup_gpu.fallback_cpu.spaces import open_space
from fastdup_gpu.protocol import F32, Index, SearchPlan

_LOG = logging.getLogger("fastdup_gpu")
_MODES = ("auto", "flat", "hnsw", "ivf")
_APPROXIMATE_METRICS = ("cosine", "euclidean")
# Rows up to which exhaustive search is the fastest.
EXACT_UP_TO = 50_000


def build_index(features: F32, plan: SearchPlan) -> Index:
    """An index over f32[n, d]; see fastdup_gpu.protocol.Backend.

    'auto' and 'hnsw' are answered exactly up to EXACT_UP_TO rows, where that is faster; above,
    'auto' is 'ivf', and so is 'hnsw' where hnswlib is not installed.
    """
    kind = _kind(features, plan)
    if kind == "flat":
        return FlatIndex(features, plan)
    return (ivf if kind == "ivf" else hnsw).build(features, plan)


def load_index(path: Path, header: dict[str, Any], features: F32, plan: SearchPlan) -> Index:
    """The index that `Index.save(path)` described by `header`; raises FormatError."""
    kind = header.get("kind")
    if kind == "flat":
        return FlatIndex(features, plan)
    if kind not in ("ivf", "hnsw"):
        raise FormatError(f"{path} describes an index of kind {kind!r}; run again to make it.")
    if kind == "hnsw" and not hnsw.available():
        raise MissingDependency(
            f"{path} is an hnsw index, but hnswlib is not installed; pip install "
            "'fastdup-gpu[hnsw]', or run again to make another."
        )
    return (ivf if kind == "ivf" else hnsw).load(path, features, plan, _table(path, header))


def _kind(features: F32, plan: SearchPlan) -> str:
    if features.ndim != 2 or features.shape[1] < 1:
        raise InvalidArgument(f"features of shape {features.shape} were given; expected (n, d).")
    if plan.mode not in _MODES:
        raise choose("nnf_mode", plan.mode, _MODES)
    open_space(plan.metric)
    if plan.metric not in _APPROXIMATE_METRICS:
        if plan.mode in ("hnsw", "ivf"):
            raise choose("distance", plan.metric, _APPROXIMATE_METRICS, hint="Or use nnf_mode='Flat'.")
        return "flat"
    if plan.mode in ("flat", "ivf"):
        return plan.mode
    if len(features) <= EXACT_UP_TO:
        return "flat"
    if plan.mode == "auto":
        return "ivf"
    if hnsw.available():
        return "hnsw"
    _LOG.info("hnswlib is not installed: nnf_mode 'hnsw' is served by 'ivf'")
    return "ivf"


def _table(path: Path, header: dict[str, Any]) -> dict[int, list[float]]:
    try:
        return {int(row[0]): [float(r) for r in row[1:]] for row in header["recalls"]}
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise FormatError(f"{path} lacks its measured recalls; run again to make it.") from error
