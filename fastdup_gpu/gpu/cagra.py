"""CAGRA by cuVS: the graph index of the GPU, written so that hnswlib reads it on any machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fastdup_gpu._errors import FormatError
from fastdup_gpu.gpu import hnsw, memory
from fastdup_gpu.gpu.approximate import Approximate, Table, cuvs_metric, points, read_table
from fastdup_gpu.gpu.coarse import resources
from fastdup_gpu.gpu.files import saved, stored
from fastdup_gpu.protocol import F32, I64, SearchPlan

SUFFIX = ".cagra"
_DEGREE, _WIDE_DEGREE = 64, 128
_LEAST, _MOST = 32, 512  # lengths of the list of candidates
_BLOCK = 16_384


class CagraIndex(Approximate):
    """`graph`: a cuVS CAGRA index over `approximate.points` of the features, and those."""

    kind = "hnsw"

    def __init__(
        self, features: F32, plan: SearchPlan, graph: Any, rows: Any, table: Table | None = None
    ) -> None:
        super().__init__(features, plan, table)
        self._graph = graph
        self._rows = rows  # the graph looks at them

    def ladder(self) -> Iterator[int]:
        """Lengths of the list of candidates, cuVS's itopk_size."""
        size = _LEAST
        while size <= _MOST:
            yield size
            size *= 2

    def candidates(self, queries: F32, keep: int, own: I64 | None, effort: int) -> I64:
        """What CAGRA finds."""
        out = np.empty((len(queries), keep), np.int64)

        def work(part: slice) -> None:
            out[part] = self._query(points(queries[part], self.plan), keep, effort)

        for _ in memory.halving(len(queries), _BLOCK, work):
            pass
        return out

    def _query(self, rows: F32, keep: int, effort: int) -> I64:
        import cupy
        from cuvs.neighbors import cagra

        handle = resources()
        wanted = cagra.SearchParams(itopk_size=-(-max(effort, keep) // 32) * 32)
        _, ids = cagra.search(wanted, self._graph, cupy.asarray(rows), keep, resources=handle)
        handle.sync()
        found: I64 = cupy.asnumpy(cupy.asarray(ids)).astype(np.int64)
        return found

    def write(self, path: Path) -> dict[str, Any]:
        """The graph for GPUs, and in hnswlib's format for machines without one.

        The header's `recalls` are those of the latter, which the CPU backend reads.
        """
        from cuvs.neighbors import cagra

        handle = resources()
        with saved(path.with_name(path.name + SUFFIX)) as name:
            cagra.save(name, self._graph, include_dataset=False, resources=handle)
            handle.sync()
        exported = hnsw.export(self._graph, self.features, self.plan, path)
        return {
            "recalls": exported.table_rows(),
            "cagra_recalls": self.table_rows(),
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
    rows = on_device(features, plan)
    handle = resources()
    graph = cagra.build(params, rows, resources=handle)
    handle.sync()
    return CagraIndex(features, plan, graph, rows)


def from_graph(features: F32, plan: SearchPlan, near: I64) -> CagraIndex:
    """An index that walks a given graph i64[n, c] of near rows."""
    import cupy
    from cuvs.neighbors import cagra

    rows = on_device(features, plan)
    edges = cupy.asarray(near.astype(np.uint32))
    handle = resources()
    graph = cagra.from_graph(edges, rows, metric=cuvs_metric(plan), resources=handle)
    handle.sync()
    return CagraIndex(features, plan, graph, (rows, edges))


def load(path: Path, header: dict[str, Any], features: F32, plan: SearchPlan) -> CagraIndex | None:
    """The index that `CagraIndex.write` wrote; None where another cuVS wrote it or none did."""
    file = path.with_name(path.name + SUFFIX)
    if header.get("cuvs") != cuvs_version() or not file.is_file():
        return None
    rows = on_device(features, plan)
    try:
        with stored(file) as name:
            graph, rows = _read(name, rows)
    except Exception as error:  # cuVS raises errors of many kinds
        raise FormatError(
            f"{file} is no stored CAGRA index ({error}); run again to make it."
        ) from error
    return CagraIndex(features, plan, graph, rows, read_table(path, header, "cagra_recalls"))


def _read(name: str, rows: Any) -> tuple[Any, Any]:
    """A graph stored without its rows, and the rows that were put back and have to stay."""
    from cuvs.common import make_device_padded_dataset
    from cuvs.neighbors import cagra

    graph = cagra.Index()
    handle = resources()
    cagra.load(graph, name, resources=handle)
    padded = make_device_padded_dataset(rows, resources=handle)
    cagra.update_dataset(graph, padded, resources=handle)
    handle.sync()
    return graph, (rows, padded)


def on_device(features: F32, plan: SearchPlan) -> Any:
    """`points` of all features in device memory."""
    import cupy

    n, d = features.shape
    out = cupy.empty((n, d), np.float32)
    for start in range(0, n, _BLOCK):
        part = slice(start, start + _BLOCK)
        out[part] = cupy.asarray(points(features[part], plan))
    return out


def cuvs_version() -> str:
    """The installed cuVS; its files are not promised to be read by another."""
    import cuvs

    return str(cuvs.__version__)
