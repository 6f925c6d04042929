"""What the approximate indices of the GPU share: candidates by id, scored exactly."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastdup_gpu._cpu import cores
from fastdup_gpu.gpu import memory
from fastdup_gpu.gpu.exact import FlatIndex
from fastdup_gpu.gpu.rows import cleaned, unit, uploaded
from fastdup_gpu.indexing import approximate
from fastdup_gpu.indexing.approximate import Table, points
from fastdup_gpu.protocol import F32, I64, Neighbors, SearchPlan

# Below this number of rows every mode is exact: the graphs have 128 links per row during their
# construction, and product quantization learns 256 codes from half the rows.
FEWEST = 1024
EXTRA = 8  # candidates beyond k, ordered by their exact scores
_BLOCK = 16_384  # queries at a time
_POINTS_SHARE = 0.4  # of the free memory, for rows that an index is built from


class Approximate(approximate.Approximate):
    """An index whose `candidates` accepts an effort."""

    def __init__(self, features: F32, plan: SearchPlan, table: Table | None = None) -> None:
        super().__init__(features, plan, table)
        self.exact = FlatIndex(features, plan)

    @abstractmethod
    def candidates(
        self, queries: F32, keep: int, own: I64 | None, effort: int
    ) -> NDArray[np.integer[Any]]:
        """Host ids, integers [m, about keep], of near rows, outside 0 .. n - 1 where there is none;
        they may include own rows and repetitions."""

    def answer(self, queries: F32, k: int, own: I64 | None, effort: int) -> Neighbors:
        """See fastdup_gpu.indexing.approximate.Approximate."""
        keep = min(k + EXTRA + (own is not None), len(self.features))
        ids = self.candidates(queries, keep, own, effort)
        return self.exact.settle(queries, ids, k, own)

    def exact_answer(self, queries: F32, k: int, own: I64 | None) -> Neighbors:
        """By exhaustive search."""
        return self.exact.answer(queries, k, own)


def found_in_blocks(queries: F32, keep: int, plan: SearchPlan, find: Callable[[Any], Any]) -> I64:
    """Host ids i64[m, keep] that `find` gives for `device_points` of a few queries at a time."""
    out = np.empty((len(queries), keep), np.int64)

    def work(part: slice) -> None:
        import cupy

        ids = find(device_points(queries[part], plan))
        out[part] = cupy.asnumpy(cupy.asarray(ids))

    for _ in memory.halving(len(queries), _BLOCK, work):
        pass
    return out


def device_points(rows: F32, plan: SearchPlan) -> Any:
    """Rows in device memory whose inner products (cosine) or euclidean distances give the order
    of the metric; unusable rows are zeros."""
    clean, _ = cleaned(uploaded(rows))
    return unit(clean) if plan.metric == "cosine" else clean


def all_device_points(features: F32, plan: SearchPlan) -> Any:
    """`device_points` of all features, f32[n, d] in C order."""
    import cupy

    out = cupy.empty(features.shape, np.float32)
    for start in range(0, len(features), _BLOCK):
        part = slice(start, start + _BLOCK)
        out[part] = device_points(features[part], plan)
    return out


def placed_points(features: F32, plan: SearchPlan) -> Any:
    """The same on the device if it fits, else in host memory, for algorithms of cuVS that read
    their input in parts."""
    n, d = features.shape
    if memory.rows_that_fit(4 * d, _POINTS_SHARE, n) >= n:
        return all_device_points(features, plan)
    out = np.empty((n, d), np.float32)

    def place(start: int) -> None:
        out[start : start + _BLOCK] = points(features[start : start + _BLOCK], plan)

    with ThreadPoolExecutor(plan.threads or cores()) as pool:
        list(pool.map(place, range(0, n, _BLOCK)))
    return out


def cuvs_metric(plan: SearchPlan) -> str:
    """The metric of cuVS that gives the order of `device_points`; CAGRA and HNSW have no cosine."""
    return "inner_product" if plan.metric == "cosine" else "sqeuclidean"


def cuvs_version() -> str:
    """The installed version of cuVS; other versions may not be able to read its files."""
    import cuvs

    return str(cuvs.__version__)
