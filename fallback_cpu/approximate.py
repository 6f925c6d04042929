"""What the approximate indices of the CPU share: candidates as keys, scored exactly."""

from __future__ import annotations

from abc import abstractmethod

from fastdup_gpu.fallback_cpu.blas import at_most
from fastdup_gpu.fallback_cpu.exact import EXTRA, FlatIndex, settle
from fastdup_gpu.fallback_cpu.spaces import open_space
from fastdup_gpu.fallback_cpu.workers import Workers
from fastdup_gpu.indexing import approximate
from fastdup_gpu.indexing.approximate import Table
from fastdup_gpu.protocol import F32, I64, Neighbors, SearchPlan


class Approximate(approximate.Approximate):
    """An index whose `candidates` accepts an effort."""

    def __init__(self, features: F32, plan: SearchPlan, table: Table | None = None) -> None:
        super().__init__(features, plan, table)
        self._space = open_space(plan.metric, features)
        self._workers = Workers(plan.threads)

    @abstractmethod
    def candidates(self, queries: F32, keep: int, own: I64 | None, effort: int) -> I64:
        """Keys i64[m, keep] (see indexing/keys.py) of near rows, best first; `own` as in
        `answer`."""

    def answer(self, queries: F32, k: int, own: I64 | None, effort: int) -> Neighbors:
        """See fastdup_gpu.indexing.approximate.Approximate."""
        keep = min(k + EXTRA, len(self.features))
        with at_most(self._workers.threads):
            keys = self.candidates(queries, keep, own, effort)
            return settle(self._space, self.features, queries, keys, k, self._workers)

    def exact_answer(self, queries: F32, k: int, own: I64 | None) -> Neighbors:
        """By exhaustive search."""
        return FlatIndex(self.features, self.plan).answer(queries, k, own)
