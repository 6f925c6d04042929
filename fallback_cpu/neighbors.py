"""Indices over features: choosing a kind, and loading from disk."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from fastdup_gpu._errors import FormatError, MissingDependency
from fastdup_gpu.fallback_cpu import hnsw, ivf
from fastdup_gpu.fallback_cpu.exact import FlatIndex
from fastdup_gpu.indexing.approximate import DEPTH, GOAL
from fastdup_gpu.indexing.checks import only_exact, read_recalls
from fastdup_gpu.protocol import F32, Index, SearchMode, SearchPlan

_LOG = logging.getLogger("fastdup_gpu")
MODES: tuple[SearchMode, ...] = ("auto", "flat", "hnsw", "ivf")
# Measured at d = 576 on 2 shared cores, on mixtures of real embeddings: exhaustive search and ivf
# (build, measuring recall, search) took 0.4 and 1.8 s at n = 10,000, 8.7 and 5.2 s at 50,000,
# 37 and 13 s at 100,000. hnsw, built in one thread, took 64 s for 100,000 in tight clusters, ivf 5.
EXACT_UP_TO = 50_000
# Up to this size, rows without clusters, for which ivf is inaccurate, are searched exhaustively.
EXACT_AT_WORST = 200_000


def build_index(features: F32, plan: SearchPlan) -> Index:
    """An index over f32[n, d]; see fastdup_gpu.protocol.Backend.

    'auto' and 'hnsw' are answered exactly up to EXACT_UP_TO rows, where that is faster. Above,
    'auto' is 'ivf', or 'flat' up to EXACT_AT_WORST rows if ivf's measured recall is too low, and
    'hnsw' is treated as 'auto' if hnswlib is not installed.
    """
    kind = _kind(features, plan)
    if kind == "flat":
        return FlatIndex(features, plan)
    if kind == "hnsw":
        return hnsw.build(features, plan)
    index = ivf.build(features, plan)
    if plan.mode != "ivf" and len(features) <= EXACT_AT_WORST and index.effort(DEPTH)[1] < GOAL:
        return FlatIndex(features, plan)
    return index


def load_index(path: Path, header: dict[str, Any], features: F32, plan: SearchPlan) -> Index:
    """The index that `Index.save(path)` described by `header`; raises FormatError."""
    kind = header.get("kind")
    if kind == "flat":
        return FlatIndex(features, plan)
    if kind not in ("ivf", "hnsw"):
        raise FormatError(f"{path} describes an index of kind {kind!r}; run again to rebuild it.")
    if kind == "hnsw" and not hnsw.available():
        raise MissingDependency(
            f"{path} is an hnsw index, but hnswlib is not installed; pip install "
            "'fastdup-gpu[hnsw]', or run again to build another index."
        )
    table = read_recalls(path, header)
    if kind == "ivf":
        return ivf.load(path, features, plan, table)
    return hnsw.load(path, features, plan, table)


def _kind(features: F32, plan: SearchPlan) -> str:
    if only_exact(features, plan, MODES):
        return "flat"
    if plan.mode in ("flat", "ivf"):
        return plan.mode
    if len(features) <= EXACT_UP_TO:
        return "flat"
    if plan.mode == "auto":
        return "ivf"
    if hnsw.available():
        return "hnsw"
    _LOG.warning(
        "nnf_mode asks for HNSW, but hnswlib is not installed: an IVF index with measured recall "
        "is used instead. For HNSW: pip install 'fastdup-gpu[hnsw]'"
    )
    return "ivf"
