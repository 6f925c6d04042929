"""What the approximate indices share: effort is raised until a sample is answered well."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fastdup_gpu.fallback_cpu.exact import EXTRA, FlatIndex, check_queries, settle
from fastdup_gpu.fallback_cpu.rows import squared, usable
from fastdup_gpu.fallback_cpu.spaces import open_space
from fastdup_gpu.fallback_cpu.workers import Workers
from fastdup_gpu.protocol import F32, F64, I64, Neighbors, SearchPlan

GOAL = 0.99
_SAMPLE = 1000
DEPTH = 10  # neighbours of each sampled row that efforts are measured by, at least

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
        self._space = open_space(plan.metric)
        self._workers = Workers(plan.threads)
        self._table = table or {}

    @abstractmethod
    def candidates(self, queries: F32, keep: int, own: I64 | None, effort: int) -> I64:
        """Keys i64[m, keep] (see topk) of near rows, best first; `own` as in FlatIndex.answer."""

    @abstractmethod
    def ladder(self) -> Iterator[int]:
        """Efforts to try, rising."""

    @abstractmethod
    def write(self, path: Path) -> None:
        """Write the file beside `path` that `load_index` reads back."""

    def search(self, queries: F32, k: int, *, exclude_self: bool = False) -> Neighbors:
        """See fastdup_gpu.protocol.Index."""
        check_queries(self.features, queries, k, exclude_self)
        own = np.arange(len(queries)) if exclude_self else None
        effort, recall = self.effort(k)
        return replace(self._answer(queries, k, own, effort), exact=False, recall=recall)

    def save(self, path: Path) -> dict[str, Any]:
        """Write the index beside `path`; the header fields hold the measured recalls."""
        self.effort(1)
        self.write(path)
        return {"kind": self.kind, "recalls": [[e, *r] for e, r in self._table.items()]}

    def _answer(self, queries: F32, k: int, own: I64 | None, effort: int) -> Neighbors:
        keep = min(k + EXTRA, len(self.features))
        keys = self.candidates(queries, keep, own, effort)
        return settle(self._space, self.features, queries, keys, k, self._workers)

    def effort(self, k: int) -> tuple[int, float]:
        """The effort for k neighbours and its recall."""
        if not self._table or k > len(next(iter(self._table.values()))):
            self._table = self._measure(max(k, DEPTH))
        good = (e for e, recalls in self._table.items() if recalls[k - 1] >= GOAL)
        effort = next(good, max(self._table))
        return effort, self._table[effort][k - 1]

    def _measure(self, depth: int) -> Table:
        """Recall at 1 .. depth for each effort up to the first that is good enough at all."""
        n = len(self.features)
        rng = np.random.default_rng(self.plan.seed)
        rows = np.sort(rng.choice(n, min(n, _SAMPLE), replace=False))
        queries = np.asarray(self.features[rows])
        truth = FlatIndex(self.features, self.plan).answer(queries, depth, rows)
        table: Table = {}
        for effort in self.ladder():
            found = self._answer(queries, depth, rows, effort)
            table[effort] = recalls(truth.scores, found.scores, self._space.sign).tolist()
            if min(table[effort]) >= GOAL:
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


def points(rows: F32, plan: SearchPlan) -> F32:
    """Rows whose euclidean distances order as the metric does; unusable rows are zeros."""
    if plan.metric == "cosine":
        unit: F32 = open_space("cosine").left(rows)
        return unit
    good = usable(squared(rows))
    return rows if good.all() else np.where(good[:, None], rows, np.float32(0))
