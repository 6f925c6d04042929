"""Neighbour lists as edges: their order, and what is left out."""

from __future__ import annotations

import numpy as np
import pytest

from fastdup_gpu.protocol import Neighbors
from fastdup_gpu.stages.neighbors import to_edges


@pytest.mark.parametrize(("metric", "sign"), [("cosine", -1), ("euclidean", 1)])
def test_nearest_first_then_by_source_and_target(metric, sign):
    rng = np.random.default_rng(0)
    n, k = 200, 4
    ids = np.stack([rng.permutation(n)[:k] for _ in range(n)])
    ids[rng.random((n, k)) < 0.1] = -1  # fewer neighbours than k
    scores = (rng.integers(0, 5, (n, k)) / 8).astype(np.float32)
    edges = to_edges(Neighbors(ids, scores, exact=True), metric)
    expected = sorted(
        (sign * score, source, target, score)
        for source in range(n)
        for target, score in zip(ids[source].tolist(), scores[source].tolist(), strict=True)
        if target >= 0
    )
    found = zip(edges.sources.tolist(), edges.targets.tolist(), edges.scores.tolist(), strict=True)
    assert list(found) == [row[1:] for row in expected]
    similar = edges.scores if metric == "cosine" else 1 / (1 + edges.scores)
    assert np.array_equal(edges.similarity, similar)
