"""What the approximate indices share: effort is raised until a sample is answered well."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fastdup_gpu._errors import FormatError
from fastdup_gpu.gpu.exact import FlatIndex, check_queries
from fastdup_gpu.gpu.rows import SHORTEST, usable
from fastdup_gpu.protocol import F32, F64, I64, Neighbors, SearchPlan

GOAL = 0.99
EXTRA = 8  # candidates beyond k, which exact scores bring into order
_SAMPLE = 1000
_DEPTH = 10

Table = dict[int, list[float]]


class Approximate(ABC):
    """An index whose `candidates` takes an effort.

    The effort of a search for k neighbours is the least on the ladder whose recall at k reaches
    GOAL, else the last. Recall is that of up to 1,000 rows of the base, drawn by the plan's
    seed, searched for without themselves; `Neighbors.recall` reports it, also for other queries.
    """

    kind = ""

    def __init__(self, features: F32, plan: SearchPlan, table: Table | None = None) -> None:
        self.features = features
        self.plan = plan
        self.exact = FlatIndex(features, plan)
        self._table = table or {}

    @abstractmethod
    def candidates(self, queries: F32, keep: int, own: I64 | None, effort: int) -> I64:
        """Host ids i64[m, keep] of near rows, -1 where there is none; own rows may be there."""

    @abstractmethod
    def ladder(self) -> Iterator[int]:
        """Efforts to try, rising."""

    @abstractmethod
    def write(self, path: Path) -> dict[str, Any]:
        """Write the files beside `path` that `load_index` reads back; returns header fields."""

    def search(self, queries: F32, k: int, *, exclude_self: bool = False) -> Neighbors:
        """See fastdup_gpu.protocol.Index."""
        check_queries(self.features, queries, k, exclude_self)
        own = np.arange(len(queries)) if exclude_self else None
        effort, recall = self._effort(k)
        return replace(self._answer(queries, k, own, effort), exact=False, recall=recall)

    def save(self, path: Path) -> dict[str, Any]:
        """Write the index beside `path`; the header fields hold the measured recalls."""
        return {"kind": self.kind, "recalls": self.table_rows(), **self.write(path)}

    def table_rows(self) -> list[list[float]]:
        """[effort, recall at 1, at 2, ...] of each effort that was measured."""
        self._effort(1)
        return [[effort, *recalls] for effort, recalls in self._table.items()]

    def _answer(self, queries: F32, k: int, own: I64 | None, effort: int) -> Neighbors:
        keep = min(k + EXTRA + (own is not None), len(self.features))
        ids = self.candidates(queries, keep, own, effort)
        return self.exact.settle(queries, without_repeats(ids, len(self.features)), k, own)

    def _effort(self, k: int) -> tuple[int, float]:
        """The effort for k neighbours and its recall."""
        if not self._table or k > len(next(iter(self._table.values()))):
            self._table = self._measure(max(k, _DEPTH))
        good = (e for e, recalls in self._table.items() if recalls[k - 1] >= GOAL)
        effort = next(good, max(self._table))
        return effort, self._table[effort][k - 1]

    def _measure(self, depth: int) -> Table:
        """Recall at 1 .. depth for each effort up to the first that is good enough at depth."""
        n = len(self.features)
        rng = np.random.default_rng(self.plan.seed)
        rows = np.sort(rng.choice(n, min(n, _SAMPLE), replace=False))
        queries = np.asarray(self.features[rows])
        truth = self.exact.answer(queries, depth, rows)
        table: Table = {}
        for effort in self.ladder():
            found = self._answer(queries, depth, rows, effort)
            table[effort] = recalls(truth.scores, found.scores, self.exact.space.sign).tolist()
            if table[effort][-1] >= GOAL:
                break
        return table


def recalls(truth: F32, found: F32, sign: int) -> F64:
    """Recall at 1 .. k, f64[k]: the share of the truth that was found, up to equal scores."""
    depth = truth.shape[1]
    result = np.ones(depth)
    for k in range(1, depth + 1):
        there = np.count_nonzero(np.isfinite(truth[:, :k]))
        last = np.nanmin(sign * truth[:, :k], axis=1, initial=np.inf)
        near = sign * found[:, :k] >= (last - 1e-6 * np.abs(last))[:, None]
        if there:
            result[k - 1] = min(1.0, np.count_nonzero(near) / there)
    return result


def read_table(path: Path, header: dict[str, Any], field: str = "recalls") -> Table:
    """The measured recalls of a stored index; raises FormatError where there are none."""
    try:
        return {int(row[0]): [float(r) for r in row[1:]] for row in header[field]}
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise FormatError(f"{path} lacks its measured recalls; run again to make it.") from error


def without_repeats(ids: I64, n: int) -> I64:
    """Each row's ids once, -1 for repetitions and for what is no row of n."""
    ids = np.where((ids < 0) | (ids >= n), -1, ids)
    order = np.argsort(ids, axis=1, kind="stable")
    ordered = np.take_along_axis(ids, order, axis=1)
    ordered[:, 1:][ordered[:, 1:] == ordered[:, :-1]] = -1
    return ordered


def points(rows: F32, plan: SearchPlan) -> F32:
    """Rows in C order whose inner products (cosine) or euclidean distances order as the metric
    does; unusable rows are zeros."""
    rows = np.asarray(rows, np.float32)
    with np.errstate(all="ignore"):
        length = np.einsum("ij,ij->i", rows, rows)
        shortest = SHORTEST if plan.metric == "cosine" else 0.0
        factor = 1 / np.sqrt(length) if plan.metric == "cosine" else np.ones_like(length)
        scaled = rows * factor[:, None].astype(np.float32)
    good = usable(length, shortest)
    return np.ascontiguousarray(np.where(good[:, None], scaled, np.float32(0)))


def cuvs_metric(plan: SearchPlan) -> str:
    """What cuVS calls the order of `points`; CAGRA and HNSW know no cosine."""
    return "inner_product" if plan.metric == "cosine" else "sqeuclidean"
