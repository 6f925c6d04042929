"""Indices over features: choosing a kind, and loading from disk."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from fastdup_gpu._errors import BackendUnavailable, FormatError
from fastdup_gpu.gpu import approximate, cagra, hnsw, ivf, memory, nndescent
from fastdup_gpu.gpu.exact import FlatIndex
from fastdup_gpu.indexing.checks import only_exact, read_recalls
from fastdup_gpu.protocol import F32, Index, SearchMode, SearchPlan

_LOG = logging.getLogger("fastdup_gpu")
MODES: tuple[SearchMode, ...] = ("auto", "flat", "hnsw", "ivf", "cagra", "ivfpq", "nndescent")
# Exhaustive search is used up to this number of rows. On an H100 1,000,000 x 576 take 5.7 s, and
# the time grows with the square; the approximate indices have not been timed against it yet.
EXACT_UP_TO = 4_000_000


def build_index(features: F32, plan: SearchPlan) -> Index:
    """An index over f32[n, d]; see fastdup_gpu.protocol.Backend.

    'auto' and 'hnsw' are answered exactly up to EXACT_UP_TO rows, where that is faster; above,
    both are CAGRA, which is saved as HNSW, or NN-descent, whose rows stay on the host, where they
    do not fit into GPU memory. Below approximate.FEWEST rows every mode is exact.
    """
    kind = _kind(features, plan)
    if kind == "flat":
        return FlatIndex(features, plan)
    try:
        return _build(kind, features, plan)
    except Exception as error:  # each library has errors of its own for this
        if not memory.is_out_of_memory(error):
            raise
        if kind == "cagra" and plan.mode != "cagra":
            _LOG.info("%d rows do not fit into GPU memory for CAGRA: NN-descent", len(features))
            return build_index(features, replace(plan, mode="nndescent"))
        n, d = features.shape
        raise BackendUnavailable(
            f"an index of kind {kind!r} over {n} rows of {d} values does not fit into GPU memory "
            f"({memory.free_bytes() / 2**30:.1f} GiB are free). nnf_mode='flat' works with any "
            "number of rows, 'ivfpq' and 'nndescent' with more than the other kinds; compute='cpu' "
            "needs no GPU."
        ) from error


def _build(kind: str, features: F32, plan: SearchPlan) -> Index:
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
        raise FormatError(f"{path} describes an index of kind {kind!r}; run again to rebuild it.")
    found = cagra.load(path, header, features, plan)
    if found is not None:
        return found
    _LOG.info("%s was not built by this GPU stack: it is searched on the host", path)
    return hnsw.load(path, features, plan, read_recalls(path, header))


def _kind(features: F32, plan: SearchPlan) -> str:
    if only_exact(features, plan, MODES):
        return "flat"
    mode = str(plan.mode)
    if len(features) < approximate.FEWEST:
        return "flat"
    if mode not in ("auto", "hnsw"):
        return mode
    return "flat" if len(features) <= EXACT_UP_TO else "cagra"
