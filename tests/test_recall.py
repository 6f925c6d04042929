"""The measured recall of approximate indices, and the effort that follows, for both backends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastdup_gpu.indexing.approximate import GOAL, Approximate, recalls
from fastdup_gpu.protocol import F32, I64, Metric, Neighbors, SearchPlan


class Forgetful(Approximate):
    """Points on a line; an effort of e knows only e of the rows, drawn at random."""

    steps: tuple[int, ...] = ()

    def __init__(self, n: int, metric: Metric = "euclidean", seed: int = 0, **stored: Any) -> None:
        rng = np.random.default_rng(0)
        super().__init__(
            rng.random((n, 1), dtype=np.float32), SearchPlan(metric, seed=seed), **stored
        )
        self.rank = rng.permutation(n)
        self.asked: list[tuple[int, int]] = []

    def answer(self, queries: F32, k: int, own: I64 | None, effort: int) -> Neighbors:
        self.asked.append((effort, len(queries)))
        gaps = np.abs(queries - self.features[:, 0])
        gaps[:, self.rank >= effort] = np.inf
        if own is not None:
            gaps[np.arange(len(own)), own] = np.inf
        ids = np.argsort(gaps, axis=1)[:, :k]
        gaps = np.take_along_axis(gaps, ids, axis=1)
        gaps[np.isinf(gaps)] = np.nan
        scores = 1 - gaps if self.plan.metric == "cosine" else gaps
        return Neighbors(np.where(np.isnan(gaps), -1, ids), scores)

    def exact_answer(self, queries: F32, k: int, own: I64 | None) -> Neighbors:
        return self.answer(queries, k, own, len(self.features))

    def ladder(self) -> Iterator[int]:
        return iter(self.steps)

    def write(self, path: Path) -> dict[str, Any]:
        return {}

    def by_ids(self, effort: int, k: int) -> float:
        """The share of the true neighbours of all rows that an effort finds."""
        every = np.arange(len(self.features))
        found = self.answer(self.features, k, every, effort).ids
        true = self.exact_answer(self.features, k, every).ids
        return float((found[:, :, None] == true[:, None, :]).any(axis=1).mean())


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("k", [1, 2, 5, 10, 20])
def test_the_first_effort_with_the_recall_aimed_at_is_taken(metric, k):
    index = Forgetful(400, metric)
    index.steps = (200, 388, 392, 394, 395, 396, 397, 398, 399, 400)
    expected = next(e for e in index.steps if index.by_ids(e, k) >= GOAL)
    queries = index.features[:9]
    index.search(queries, 1)
    found = index.search(queries, k)
    assert index.asked[-1] == (expected, 9)
    assert found.recall == pytest.approx(index.by_ids(expected, k), abs=1e-9)


def test_the_last_effort_is_taken_where_none_is_enough():
    index = Forgetful(400)
    index.steps = (200, 300)
    for k in (1, 5):
        found = index.search(index.features[:9], k, exclude_self=True)
        assert index.asked[-1] == (300, 9)
        assert found.recall == pytest.approx(index.by_ids(300, k), abs=1e-9)


def test_no_more_efforts_are_measured_than_needed_and_none_again():
    index = Forgetful(400)
    index.steps = (300, 400, 500)
    assert [row[0] for row in index.recall_rows()] == [300, 400]
    index.asked.clear()
    stored = Forgetful(400, table={int(row[0]): row[1:] for row in index.recall_rows()})
    for opened in (index, stored):
        opened.search(opened.features[:9], 10)
        assert opened.asked == [(400, 9)]


def test_at_most_a_thousand_rows_from_everywhere_are_tried():
    index = Forgetful(1500)
    index.steps = (750,)
    index.rank = np.where(index.features[:, 0] < 0.5, 0, 1500)
    index.features = np.sort(index.features, axis=0)
    index.rank.sort()
    recall = index.search(index.features[:9], 1).recall
    assert index.asked[0] == (1500, 1000)
    assert recall == pytest.approx(index.by_ids(750, 1), abs=0.05)


def test_which_rows_are_tried_depends_on_the_seed_alone():
    found = []
    for seed in (1, 1, 2):
        index = Forgetful(1500, seed=seed)
        index.steps = (750,)
        found.append(index.recall_rows())
    assert found[0] == found[1] != found[2]


NAN, INF = np.nan, np.inf


@pytest.mark.parametrize(
    ("truth", "found", "expected"),
    [
        ([[0.5, 0.7]], [[0.5, 0.7 + 1e-7]], [1, 1]),
        ([[0.5, 0.7]], [[0.5, 0.7001]], [1, 0.5]),
        ([[0.5, 0.7]], [[0.7, 0.8]], [0, 0.5]),
        ([[0.0, 0.0]], [[0.0, 1e-9]], [1, 0.5]),
        ([[0.5, NAN], [0.5, 0.6]], [[0.5, NAN], [0.6, NAN]], [0.5, 2 / 3]),
        ([[NAN, NAN]], [[NAN, NAN]], [1, 1]),
        ([[INF, INF], [0.5, 0.6]], [[INF, INF], [0.6, 0.7]], [0, 0.5]),
        ([[0.5, INF], [0.5, 0.6]], [[0.5, INF], [0.7, 0.8]], [0.5, 1 / 3]),
        ([[INF, INF]], [[INF, INF]], [1, 1]),
    ],
)
@pytest.mark.filterwarnings("error")
def test_equal_distances_count_as_found_and_infinite_ones_not_at_all(truth, found, expected):
    distances = np.array(truth, np.float32), np.array(found, np.float32)
    np.testing.assert_allclose(recalls(*distances, -1), expected)
    np.testing.assert_allclose(recalls(*(-d for d in distances), 1), expected)
