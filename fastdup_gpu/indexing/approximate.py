"""What approximate indices share: effort is raised until the recall on a sample is good enough."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fastdup_gpu.indexing.checks import check_queries
from fastdup_gpu.indexing.rows import clean, unit
from fastdup_gpu.protocol import F32, F64, I64, Neighbors, SearchPlan

GOAL = 0.99
_SAMPLE = 1000
DEPTH = 10  # minimum number of neighbours of each sampled row by which efforts are measured

Table = dict[int, list[float]]


class Approximate(ABC):
    """An index whose `answer` takes an effort.

    The effort of a search for k neighbours is the smallest one on the ladder whose recall at k
    reaches GOAL, else the last one. Recall is measured on up to 1,000 rows of the base, drawn with
    the seed of the plan and excluded from their own results; `Neighbors.recall` reports it, also
    for other queries.
    """

    kind = ""

    def __init__(self, features: F32, plan: SearchPlan, table: Table | None = None) -> None:
        self.features = features
        self.plan = plan
        self._table = table or {}

    @abstractmethod
    def answer(self, queries: F32, k: int, own: I64 | None, effort: int) -> Neighbors:
        """The k best that this effort finds, scored exactly; `own` i64[m]: the base row to exclude
        from the result of each query."""

    @abstractmethod
    def exact_answer(self, queries: F32, k: int, own: I64 | None) -> Neighbors:
        """The exact result."""

    @abstractmethod
    def ladder(self) -> Iterator[int]:
        """Efforts to try, in ascending order."""

    @abstractmethod
    def write(self, path: Path) -> dict[str, Any]:
        """Write the files beside `path` that `load_index` reads back; returns header fields."""

    def search(self, queries: F32, k: int, *, exclude_self: bool = False) -> Neighbors:
        """See fastdup_gpu.protocol.Index."""
        check_queries(self.features, queries, k, exclude_self)
        own = np.arange(len(queries)) if exclude_self else None
        effort, recall = self.effort(k)
        return replace(self.answer(queries, k, own, effort), recall=recall)

    def save(self, path: Path) -> dict[str, Any]:
        """Write the index beside `path`; the header fields contain the measured recalls."""
        return {"kind": self.kind, "recalls": self.recall_rows(), **self.write(path)}

    def recall_rows(self) -> list[list[float]]:
        """[effort, recall at 1, at 2, ...] for each measured effort."""
        self.effort(1)
        return [[effort, *recalls] for effort, recalls in self._table.items()]

    def effort(self, k: int) -> tuple[int, float]:
        """The effort for k neighbours and its recall."""
        if not self._table or k > len(next(iter(self._table.values()))):
            self._table = self._measure(max(k, DEPTH))
        good = (e for e, recalls in self._table.items() if recalls[k - 1] >= GOAL)
        effort = next(good, max(self._table))
        return effort, self._table[effort][k - 1]

    def _measure(self, depth: int) -> Table:
        """Recall at 1 .. depth for each effort, up to the first that is good enough at all of
        them."""
        n = len(self.features)
        rng = np.random.default_rng(self.plan.seed)
        rows = np.sort(rng.choice(n, min(n, _SAMPLE), replace=False))
        queries = np.asarray(self.features[rows])
        truth = self.exact_answer(queries, depth, rows)
        sign = 1 if self.plan.metric == "cosine" else -1
        table: Table = {}
        for effort in self.ladder():
            found = self.answer(queries, depth, rows, effort)
            table[effort] = recalls(truth.scores, found.scores, sign).tolist()
            if min(table[effort]) >= GOAL:
                break
        return table


def recalls(truth: F32, found: F32, sign: int) -> F64:
    """Recall at 1 .. k, f64[k]: the share of the true neighbours that was found; equal scores count
    as found, and neighbours at infinite distance do not count.

    `sign`: +1 if a larger score is nearer, -1 for distances.
    """
    depth = truth.shape[1]
    result = np.ones(depth)
    for k in range(1, depth + 1):
        there = np.count_nonzero(np.isfinite(truth[:, :k]))
        last = np.nanmin(sign * truth[:, :k], axis=1, initial=np.inf)
        least = last * (1 - np.float32(1e-6) * np.sign(last))
        near = np.isfinite(found[:, :k]) & (sign * found[:, :k] >= least[:, None])
        if there:
            result[k - 1] = min(1.0, np.count_nonzero(near) / there)
    return result


def doubling(least: int, most: int) -> Iterator[int]:
    """`least`, twice that, and so on below `most`, then `most`."""
    while least < most:
        yield least
        least *= 2
    yield most


def points(rows: F32, plan: SearchPlan) -> F32:
    """Host rows whose euclidean distances have the same order as the metric; unusable rows are
    zeros."""
    return unit(rows) if plan.metric == "cosine" else clean(rows)
