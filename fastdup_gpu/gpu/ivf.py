"""IVF-Flat and IVF-PQ by cuVS; the CPU backend can read IVF-Flat too."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fastdup_gpu._errors import FormatError
from fastdup_gpu.formats.files import replacing
from fastdup_gpu.gpu.approximate import (
    FEWEST,
    Approximate,
    all_device_points,
    cuvs_version,
    device_points,
    found_in_blocks,
    placed_points,
)
from fastdup_gpu.gpu.coarse import resources
from fastdup_gpu.gpu.exact import FlatIndex
from fastdup_gpu.gpu.kmeans import Assigner
from fastdup_gpu.indexing.approximate import Table, doubling
from fastdup_gpu.indexing.checks import read_recalls
from fastdup_gpu.indexing.files import saved, stored
from fastdup_gpu.protocol import F32, I64, Index, SearchPlan

SUFFIX, LISTS_SUFFIX = ".ivf", ".npz"
_LISTS = 2  # times sqrt(n) lists
_FEWEST_VISITS, _MOST_VISITS = 4, 256
_PQ_MORE = 8  # candidates per neighbour wanted, because the codes are coarse


class IvfIndex(Approximate):
    """`lists`: a cuVS index over `device_points` of the features, by euclidean distance."""

    def __init__(
        self,
        features: F32,
        plan: SearchPlan,
        kind: str,
        lists: Any,
        table: Table | None = None,
    ) -> None:
        super().__init__(features, plan, table)
        self.kind = kind
        self._lists = lists

    def ladder(self) -> Iterator[int]:
        """Numbers of lists to visit."""
        return doubling(_FEWEST_VISITS, min(_MOST_VISITS, int(self._lists.n_lists)))

    def candidates(self, queries: F32, keep: int, own: I64 | None, effort: int) -> I64:
        """The best of the `effort` lists nearest to each query."""
        more = _PQ_MORE if self.kind == "ivfpq" else 1
        keep = min(keep * more, len(self.features))
        module, handle = cuvs_module(self.kind), resources()
        wanted = module.SearchParams(n_probes=effort)

        def find(rows: Any) -> Any:
            _, ids = module.search(wanted, self._lists, rows, keep, resources=handle)
            handle.sync()
            return ids

        return found_in_blocks(queries, keep, self.plan, find)

    def write(self, path: Path) -> dict[str, Any]:
        """cuVS's own file; for IVF-Flat also what the CPU backend reads."""
        handle = resources()
        with saved(path.with_name(path.name + SUFFIX)) as name:
            cuvs_module(self.kind).save(name, self._lists, resources=handle)
            handle.sync()
        if self.kind == "ivf":
            centres = self._centres()
            labels = self._labels(centres)
            with replacing(path.with_name(path.name + LISTS_SUFFIX), "wb") as out:
                np.savez(out, centroids=centres, labels=labels.astype(np.int32))
        return {"cuvs": cuvs_version(), "rows_indexed": len(self.features)}

    def _labels(self, centres: F32) -> I64:
        """The list of each row, i64[n]: the nearest centre, lowest number first."""
        points = partial(device_points, plan=self.plan)
        return Assigner(self.features, points)(centres)[0]

    def _centres(self) -> F32:
        import cupy

        centres: F32 = cupy.asnumpy(cupy.asarray(self._lists.centers))
        return centres


def build(features: F32, plan: SearchPlan, kind: str) -> IvfIndex:
    """`kind` 'ivf' (IVF-Flat) or 'ivfpq'."""
    module = cuvs_module(kind)
    params = module.IndexParams(
        n_lists=list_count(plan, len(features)),
        metric="sqeuclidean",
        kmeans_n_iters=plan.iterations,
    )
    handle = resources()
    rows = placed_points(features, plan) if kind == "ivfpq" else all_device_points(features, plan)
    lists = module.build(params, rows, resources=handle)
    handle.sync()
    return IvfIndex(features, plan, kind, lists)


def load(path: Path, header: dict[str, Any], features: F32, plan: SearchPlan) -> Index:
    """The index that `IvfIndex.write` wrote, or a new one if it is from the CPU backend or another
    version of cuVS; raises FormatError if it does not fit."""
    kind = str(header["kind"])
    table = read_recalls(path, header)
    if "cuvs" not in header:
        return _anew(features, plan, kind)
    if header.get("rows_indexed") != len(features):
        raise FormatError(
            f"{path} was built from {header.get('rows_indexed')} rows, but there are "
            f"{len(features)} features; run again to rebuild it."
        )
    if header["cuvs"] != cuvs_version():
        return _anew(features, plan, kind)
    file = path.with_name(path.name + SUFFIX)
    try:
        handle = resources()
        with stored(file) as name:
            lists = cuvs_module(kind).load(name, resources=handle)
        handle.sync()
    except Exception as error:  # cuVS raises errors of many kinds
        raise FormatError(
            f"{file} is not a stored {kind} index ({error}); run again to rebuild it."
        ) from error
    return IvfIndex(features, plan, kind, lists, table)


def _anew(features: F32, plan: SearchPlan, kind: str) -> Index:
    if len(features) < FEWEST:
        return FlatIndex(features, plan)
    return build(features, plan, kind)


def cuvs_module(kind: str) -> Any:
    """cuVS's module for 'ivf' or 'ivfpq'."""
    if kind == "ivfpq":
        from cuvs.neighbors import ivf_pq

        return ivf_pq
    from cuvs.neighbors import ivf_flat

    return ivf_flat


def list_count(plan: SearchPlan, n: int) -> int:
    """The number of lists for n rows."""
    return max(1, min(plan.clusters or round(_LISTS * n**0.5), n))
