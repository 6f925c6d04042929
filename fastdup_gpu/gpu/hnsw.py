"""HNSW on the host by cuVS, in hnswlib's format: exported by CAGRA or written by hnswlib."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastdup_gpu.gpu.approximate import Approximate, cuvs_metric
from fastdup_gpu.gpu.coarse import resources
from fastdup_gpu.indexing.approximate import Table, points
from fastdup_gpu.indexing.files import saved
from fastdup_gpu.indexing.hnsw import BLOCK, SUFFIX, efforts, stored_graph
from fastdup_gpu.protocol import F32, I64, SearchPlan


class HnswIndex(Approximate):
    """`graph`: a cuVS HNSW index over `approximate.points` of the features, in host memory."""

    kind = "hnsw"

    def __init__(
        self, features: F32, plan: SearchPlan, graph: Any, table: Table | None = None
    ) -> None:
        super().__init__(features, plan, table)
        self._graph = graph

    def ladder(self) -> Iterator[int]:
        """Values of ef."""
        return efforts()

    def candidates(self, queries: F32, keep: int, own: I64 | None, effort: int) -> I64:
        """The rows that the graph finds, on the host's cores."""
        out = np.empty((len(queries), keep), np.int64)
        for start in range(0, len(queries), BLOCK):
            part = slice(start, start + BLOCK)
            rows = np.ascontiguousarray(points(queries[part], self.plan), np.float32)
            out[part] = self._reached(rows, keep, effort)
        return out

    def _reached(self, rows: F32, keep: int, ef: int) -> I64:
        """If the graph reaches fewer than `keep` rows, cuVS returns some of them twice; more effort
        reaches more."""
        ids = host_search(self._graph, rows, keep, ef, self.plan.threads)
        few = _repeats(ids)
        while few.any() and ef < len(self.features):
            ef = min(2 * max(ef, keep), len(self.features))
            ids[few] = host_search(self._graph, rows[few], keep, ef, self.plan.threads)
            few = _repeats(ids)
        return ids

    def write(self, path: Path) -> dict[str, Any]:
        """The graph in hnswlib's format."""
        _write(self._graph, path)
        return {}


def host_search(graph: Any, rows: F32, keep: int, ef: int, threads: int = 0) -> I64:
    """ids i64[m, keep] of rows in host memory; needs no GPU."""
    from cuvs.neighbors import hnsw

    handle = resources()
    wanted = hnsw.SearchParams(ef=max(ef, keep), num_threads=threads)
    _, ids = hnsw.search(wanted, graph, rows, keep, resources=handle)
    return np.asarray(ids).astype(np.int64)


def export(graph: Any, features: F32, plan: SearchPlan, path: Path) -> HnswIndex:
    """A CAGRA graph written for hnswlib, and read back."""
    from cuvs.neighbors import hnsw

    handle = resources()
    params = hnsw.IndexParams(hierarchy="cpu", metric=cuvs_metric(plan))
    exported = hnsw.from_cagra(params, graph, resources=handle)
    handle.sync()
    _write(exported, path)
    return load(path, features, plan)


def load(path: Path, features: F32, plan: SearchPlan, table: Table | None = None) -> HnswIndex:
    """The index that `write` or hnswlib wrote; raises FormatError if it does not fit."""
    from cuvs.neighbors import hnsw

    d, metric = features.shape[1], cuvs_metric(plan)
    params = hnsw.IndexParams(hierarchy="cpu", metric=metric)
    handle = resources()
    with stored_graph(path, features) as name:
        graph = hnsw.load(params, name, d, np.float32, metric, resources=handle)
    return HnswIndex(features, plan, graph, table)


def _repeats(ids: I64) -> NDArray[np.bool_]:
    """Which rows contain an id twice."""
    ordered = np.sort(ids, axis=1)
    twice: NDArray[np.bool_] = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
    return twice


def _write(graph: Any, path: Path) -> None:
    """The graph is in host memory, so there is nothing to wait for."""
    from cuvs.neighbors import hnsw

    with saved(path.with_name(path.name + SUFFIX)) as name:
        hnsw.save(name, graph, resources=resources())
