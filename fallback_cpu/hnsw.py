"""HNSW by hnswlib, an optional package."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fastdup_gpu.fallback_cpu.approximate import Approximate
from fastdup_gpu.fallback_cpu.workers import blocks
from fastdup_gpu.indexing.approximate import Table, points
from fastdup_gpu.indexing.files import saved
from fastdup_gpu.indexing.hnsw import BLOCK, SUFFIX, efforts, stored_graph
from fastdup_gpu.indexing.keys import EMPTY, pack
from fastdup_gpu.protocol import F32, I64, SearchPlan

_CONSTRUCTION = 200


class HnswIndex(Approximate):
    """`graph`: an hnswlib.Index over `approximate.points` of the features."""

    kind = "hnsw"

    def __init__(
        self, features: F32, plan: SearchPlan, graph: Any, table: Table | None = None
    ) -> None:
        super().__init__(features, plan, table)
        self._graph = graph

    def ladder(self) -> Iterator[int]:
        """Values of hnswlib's ef."""
        return efforts()

    def candidates(self, queries: F32, keep: int, own: I64 | None, effort: int) -> I64:
        """What hnswlib finds, with one more if each query's own row has to be excluded."""
        width = min(keep + (own is not None), len(self.features))
        keys = np.empty((len(queries), width), dtype=np.int64)
        for part in blocks(len(queries), BLOCK):
            ids, gaps = self._query(points(queries[part], self.plan), width, effort)
            keys[part] = pack(-gaps, ids)
            if own is not None:
                keys[part][ids == own[part, None]] = EMPTY
        keys.sort(axis=1)
        return keys[:, :keep]

    def _query(self, rows: F32, width: int, effort: int) -> tuple[I64, F32]:
        """hnswlib fails if it reaches fewer than `width` rows; more effort reaches more."""
        while True:
            self._graph.set_ef(max(effort, width))
            try:
                ids, gaps = self._graph.knn_query(rows, width, num_threads=self._workers.threads)
            except RuntimeError:
                if effort >= len(self.features):
                    raise
                effort = min(2 * max(effort, width), len(self.features))
            else:
                return ids.astype(np.int64), gaps

    def write(self, path: Path) -> dict[str, Any]:
        """The graph in hnswlib's own format."""
        with saved(path.with_name(path.name + SUFFIX)) as name:
            self._graph.save_index(name)
            _check_size(Path(name), self._graph.index_file_size())
        return {}


def build(features: F32, plan: SearchPlan) -> HnswIndex:
    """Add the rows in one thread: with more threads the graph differs from run to run."""
    graph = _open(features, plan)
    graph.init_index(
        max(1, len(features)), M=plan.links, ef_construction=_CONSTRUCTION, random_seed=plan.seed
    )
    for part in blocks(len(features), BLOCK):
        rows = points(features[part], plan)
        graph.add_items(rows, np.arange(part.start, part.stop), num_threads=1)
    return HnswIndex(features, plan, graph)


def _check_size(file: Path, expected: int) -> None:
    """hnswlib does not check whether everything was written to disk."""
    if file.stat().st_size != expected:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file))


def load(path: Path, features: F32, plan: SearchPlan, table: Table) -> HnswIndex:
    """The index that `HnswIndex.write` wrote; raises FormatError if it does not fit."""
    graph = _open(features, plan)
    with stored_graph(path, features) as name:
        graph.load_index(name)
    return HnswIndex(features, plan, graph, table)


def available() -> bool:
    """Whether hnswlib is installed."""
    try:
        import hnswlib  # noqa: F401
    except ImportError:
        return False
    return True


def _open(features: F32, plan: SearchPlan) -> Any:
    import hnswlib

    return hnswlib.Index("ip" if plan.metric == "cosine" else "l2", features.shape[1])
