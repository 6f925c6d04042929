"""NN-descent by cuVS: the whole neighbour graph of the base at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from fastdup_gpu._errors import FormatError
from fastdup_gpu.formats.files import replacing
from fastdup_gpu.gpu import cagra, memory
from fastdup_gpu.gpu.approximate import Approximate, placed_points
from fastdup_gpu.gpu.coarse import resources
from fastdup_gpu.gpu.exact import FlatIndex
from fastdup_gpu.indexing.approximate import Table
from fastdup_gpu.indexing.checks import check_queries, read_recalls
from fastdup_gpu.protocol import F32, I64, Index, Neighbors, SearchPlan

U32 = NDArray[np.uint32]

SUFFIX = ".npy"
_DEGREE = 64
_ROUNDS = 20


class NnDescentIndex(Approximate):
    """`graph` u32[n, c]: near rows of every base row. Queries that are not rows of the base, or
    that need more neighbours than the graph has, are answered by CAGRA, built when first needed, or
    exactly where its rows do not fit into GPU memory."""

    kind = "nndescent"

    def __init__(
        self, features: F32, plan: SearchPlan, graph: U32, table: Table | None = None
    ) -> None:
        super().__init__(features, plan, table)
        self._near = graph
        self._other: Index | None = None

    def search(self, queries: F32, k: int, *, exclude_self: bool = False) -> Neighbors:
        """See fastdup_gpu.protocol.Index."""
        if exclude_self and k <= self._near.shape[1]:
            return super().search(queries, k, exclude_self=True)
        check_queries(self.features, queries, k, exclude_self)
        if self._other is None:
            self._other = self._build_other()
        return self._other.search(queries, k, exclude_self=exclude_self)

    def _build_other(self) -> Index:
        try:
            return cagra.build(self.features, self.plan)
        except Exception as error:  # each library has errors of its own for this
            if not memory.is_out_of_memory(error):
                raise
            return FlatIndex(self.features, self.plan)

    def ladder(self) -> Iterator[int]:
        """Only one effort: the graph is fixed."""
        yield self._near.shape[1]

    def candidates(self, queries: F32, keep: int, own: I64 | None, effort: int) -> U32:
        """The graph's rows."""
        if own is None:
            raise ValueError("a neighbour graph has no answer to rows that are not in it")
        every = len(own) == len(self._near) and np.array_equal(own, np.arange(len(own)))
        return self._near if every else self._near[own]

    def write(self, path: Path) -> dict[str, Any]:
        """The graph as .npy."""
        file = path.with_name(path.name + SUFFIX)
        with replacing(file, "wb") as out:
            np.save(out, self._near)
        return {}


def build(features: F32, plan: SearchPlan) -> NnDescentIndex:
    """64 near rows for each row, or as many as there are."""
    from cuvs.neighbors import nn_descent

    degree = max(1, min(_DEGREE, len(features) - 1))
    params = nn_descent.IndexParams(
        metric="sqeuclidean",
        graph_degree=degree,
        intermediate_graph_degree=min(2 * degree, max(1, len(features) - 1)),
        max_iterations=_ROUNDS,
        return_distances=False,
    )
    handle = resources()
    made = nn_descent.build(params, placed_points(features, plan), resources=handle)
    handle.sync()
    return NnDescentIndex(features, plan, _on_host(made.graph).astype(np.uint32, copy=False))


def load(path: Path, header: dict[str, Any], features: F32, plan: SearchPlan) -> NnDescentIndex:
    """The graph that `NnDescentIndex.write` wrote; raises FormatError if it does not fit."""
    file = path.with_name(path.name + SUFFIX)
    try:
        graph = np.load(file, allow_pickle=False).astype(np.uint32, copy=False)
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise FormatError(
            f"{file} is not a stored neighbour graph ({error}); run again to rebuild it."
        ) from error
    if graph.ndim != 2 or len(graph) != len(features):
        raise FormatError(
            f"{file} contains a graph of shape {graph.shape}, but there are {len(features)} "
            "features; run again to rebuild it."
        )
    return NnDescentIndex(features, plan, graph, read_recalls(path, header))


def _on_host(array: Any) -> np.ndarray[Any, Any]:
    """cuVS returns device or numpy arrays, depending on its version."""
    return np.asarray(array.copy_to_host() if hasattr(array, "copy_to_host") else array)
