"""Indices over features: which kind, and how they come back from disk."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from fastdup_gpu._errors import FormatError, InvalidArgument, choose
from fastdup_gpu.gpu import cagra, hnsw, ivf, nndescent
from fastdup_gpu.gpu.approximate import read_table
from fastdup_gpu.gpu.exact import FlatIndex
from fastdup_gpu.gpu.spaces import open_space
from fastdup_gpu.protocol import F32, Index, SearchPlan

_LOG = logging.getLogger("fastdup_gpu")
_MODES = ("auto", "flat", "hnsw", "ivf", "cagra", "ivfpq", "nndescent")
_APPROXIMATE_METRICS = ("cosine", "euclidean")
# Rows up to which exhaustive search is expected to be fastest; not measured on a GPU yet.
EXACT_UP_TO = 4_000_000


def build_index(features: F32, plan: SearchPlan) -> Index:
    """An index over f32[n, d]; see fastdup_gpu.protocol.Backend.

    'auto' and 'hnsw' are answered exactly up to EXACT_UP_TO rows, where that is faster; above,
    both are CAGRA, which is saved as HNSW.
    """
    kind = _kind(features, plan)
    if kind == "flat":
        return FlatIndex(features, plan)
    if kind == "cagra":
        return cagra.build(features, plan)
    if kind == "nndescent":
        return nndescent.build(features, plan)
    return ivf.build(features, plan, kind)


def load_index(path: Path, header: dict[str, Any], features: F32, plan: SearchPlan) -> Index:
    """The index that `Index.save(path)` of either backend described by `header`; raises
    FormatError."""
    kind = header.get("kind")
    if kind == "flat":
        return FlatIndex(features, plan)
    if kind in ("ivf", "ivfpq"):
        return ivf.load(path, header, features, plan)
    if kind == "nndescent":
        return nndescent.load(path, header, features, plan)
    if kind != "hnsw":
        raise FormatError(f"{path} describes an index of kind {kind!r}; run again to make it.")
    found = cagra.load(path, header, features, plan)
    if found is not None:
        return found
    _LOG.info("%s was not built by this GPU stack: it is searched on the host", path)
    return hnsw.load(path, features, plan, read_table(path, header))


def _kind(features: F32, plan: SearchPlan) -> str:
    if features.ndim != 2 or features.shape[1] < 1:
        raise InvalidArgument(f"features of shape {features.shape} were given; expected (n, d).")
    mode = str(plan.mode)
    if mode not in _MODES:
        raise choose("nnf_mode", mode, _MODES)
    open_space(plan.metric)
    if plan.metric not in _APPROXIMATE_METRICS:
        if mode not in ("auto", "flat"):
            raise choose(
                "distance", plan.metric, _APPROXIMATE_METRICS, hint="Or use nnf_mode='Flat'."
            )
        return "flat"
    if mode not in ("auto", "hnsw"):
        return mode
    return "flat" if len(features) <= EXACT_UP_TO else "cagra"
