"""CAGRA by cuVS: the graph index of the GPU, written so that hnswlib reads it on any machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastdup_gpu._errors import FormatError
from fastdup_gpu.gpu import hnsw
from fastdup_gpu.gpu.approximate import (
    EXTRA,
    Approximate,
    all_device_points,
    cuvs_metric,
    cuvs_version,
    found_in_blocks,
)
from fastdup_gpu.gpu.coarse import resources
from fastdup_gpu.indexing.approximate import Table, doubling
from fastdup_gpu.indexing.checks import read_recalls
from fastdup_gpu.indexing.files import saved, stored
from fastdup_gpu.protocol import F32, I64, Neighbors, SearchPlan

SUFFIX = ".cagra"
_DEGREE, _WIDE_DEGREE = 64, 128
_LEAST, _MOST = 32, 512  # lengths of the list of candidates
_ROUND = 32  # cuVS wants a multiple of this


class CagraIndex(Approximate):
    """`graph`: a cuVS CAGRA index over `device_points` of the features, which are `rows`."""

    kind = "hnsw"

    def __init__(
        self, features: F32, plan: SearchPlan, graph: Any, rows: Any, table: Table | None = None
    ) -> None:
        super().__init__(features, plan, table)
        self._graph = graph
        self._rows = rows  # the graph refers to them

    def ladder(self) -> Iterator[int]:
        """Lengths of the list of candidates, cuVS's itopk_size."""
        return doubling(_LEAST, _MOST)

    def answer(self, queries: F32, k: int, own: I64 | None, effort: int) -> Neighbors:
        """See fastdup_gpu.indexing.approximate.Approximate; exact if k exceeds the lists."""
        if k + EXTRA + 1 > _MOST:
            return self.exact_answer(queries, k, own)
        return super().answer(queries, k, own, effort)

    def candidates(self, queries: F32, keep: int, own: I64 | None, effort: int) -> I64:
        """What CAGRA finds."""
        from cuvs.neighbors import cagra

        handle = resources()
        wanted = cagra.SearchParams(itopk_size=-(-max(effort, keep) // _ROUND) * _ROUND)

        def find(rows: Any) -> Any:
            _, ids = cagra.search(wanted, self._graph, rows, keep, resources=handle)
            handle.sync()
            return ids

        return found_in_blocks(queries, keep, self.plan, find)

    def write(self, path: Path) -> dict[str, Any]:
        """The graph for GPUs, and in hnswlib's format for machines without a GPU.

        The header's `recalls` are those of the latter, which the CPU backend reads.
        """
        from cuvs.neighbors import cagra

        handle = resources()
        with saved(path.with_name(path.name + SUFFIX)) as name:
            cagra.save(name, self._graph, include_dataset=False, resources=handle)
            handle.sync()
        exported = hnsw.export(self._graph, self.features, self.plan, path)
        return {
            "recalls": exported.recall_rows(),
            "cagra_recalls": self.recall_rows(),
            "cuvs": cuvs_version(),
        }


def build(features: F32, plan: SearchPlan) -> CagraIndex:
    """A graph of degree 64 by NN-descent."""
    from cuvs.neighbors import cagra

    params = cagra.IndexParams(
        metric=cuvs_metric(plan),
        intermediate_graph_degree=_WIDE_DEGREE,
        graph_degree=_DEGREE,
        build_algo="nn_descent",
    )
    rows = all_device_points(features, plan)
    handle = resources()
    graph = cagra.build(params, rows, resources=handle)
    handle.sync()
    return CagraIndex(features, plan, graph, rows)


def load(path: Path, header: dict[str, Any], features: F32, plan: SearchPlan) -> CagraIndex | None:
    """The index that `CagraIndex.write` wrote; None if it is missing or from another version of
    cuVS."""
    file = path.with_name(path.name + SUFFIX)
    if header.get("cuvs") != cuvs_version() or not file.is_file():
        return None
    rows = all_device_points(features, plan)
    try:
        with stored(file) as name:
            graph, rows = _read(name, rows)
    except Exception as error:  # cuVS raises errors of many kinds
        raise FormatError(
            f"{file} is not a stored CAGRA index ({error}); run again to rebuild it."
        ) from error
    return CagraIndex(features, plan, graph, rows, read_recalls(path, header, "cagra_recalls"))


def _read(name: str, rows: Any) -> tuple[Any, Any]:
    """A graph that was stored without its rows, and the rows attached to it, which must stay."""
    from cuvs.common import make_device_padded_dataset
    from cuvs.neighbors import cagra

    graph = cagra.Index()
    handle = resources()
    cagra.load(graph, name, resources=handle)
    padded = make_device_padded_dataset(rows, resources=handle)
    cagra.update_dataset(graph, padded, resources=handle)
    handle.sync()
    return graph, (rows, padded)
