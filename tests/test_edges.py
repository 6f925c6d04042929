"""Neighbour lists as edges, and the files of edges and components: order, and what is left out."""

from __future__ import annotations

import numpy as np
import pytest
from making import rows

from fastdup_gpu._registry import open_backend
from fastdup_gpu.protocol import Neighbors
from fastdup_gpu.stages.graph import find_components, write_components
from fastdup_gpu.stages.neighbors import to_edges, write_outliers, write_similarity

NAMES = "abcdefgh"
# Distances of each image to the image in the place of the id; a, b and c hang together most.
IDS = np.array([[1], [2], [0], [4], [3], [3], [0], [-1]])
DISTANCES = np.array([[0.1], [0.2], [0.3], [0.05], [0.25], [0.9], [0.5], [np.nan]], np.float32)


def edges(metric: str):
    scores = DISTANCES if metric == "euclidean" else 1 / (1 + DISTANCES)
    return to_edges(Neighbors(IDS, scores), metric)


def listed(path) -> list[tuple[str, str, str]]:
    return [(r["from"], r["to"], r["distance"]) for r in rows(path)]


@pytest.mark.parametrize(("metric", "sign"), [("cosine", -1), ("euclidean", 1)])
def test_nearest_first_then_by_source_and_target(metric, sign):
    rng = np.random.default_rng(0)
    n, k = 200, 4
    ids = np.stack([rng.permutation(n)[:k] for _ in range(n)])
    ids[rng.random((n, k)) < 0.1] = -1  # fewer neighbours than k
    scores = (rng.integers(0, 5, (n, k)) / 8).astype(np.float32)
    edges = to_edges(Neighbors(ids, scores), metric)
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


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_files_of_edges_start_at_the_threshold_and_end_with_the_least_similar(tmp_path, metric):
    found = edges(metric)
    write_similarity(tmp_path, found, 1 / 1.25 - 1e-4, NAMES, NAMES)
    pairs = [row[:2] for row in listed(tmp_path / "similarity.csv")]
    assert pairs == [("d", "e"), ("a", "b"), ("b", "c"), ("e", "d")]
    write_outliers(tmp_path, found, 0.2, NAMES, NAMES)  # of 7 edges the last 7 - round(5.6)
    score = "0.900000" if metric == "euclidean" else f"{1 / 1.9:.6f}"
    assert listed(tmp_path / "outliers.csv") == [("f", "d", score)]


@pytest.mark.parametrize(("score", "kept"), [(0.9, 1), (0.8999996, 1), (0.8999994, 0)])
def test_a_score_that_is_written_as_the_threshold_reaches_it(tmp_path, score, kept):
    one = to_edges(Neighbors(np.array([[1]]), np.array([[score]])), "cosine")
    assert len(write_similarity(tmp_path, one, 0.9, NAMES, NAMES).scores) == kept
    assert len(rows(tmp_path / "similarity.csv")) == kept
    found = find_components(open_backend("cpu"), 2, one, 0.9)
    assert found.labels.tolist() == ([0, 0] if kept else [0, 1])


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_components_tell_of_the_edges_that_join_them(tmp_path, metric):
    found = find_components(open_backend("cpu"), 8, edges(metric), 1 / 1.31)
    write_components(tmp_path, found, None)
    inside = {0: [0.1, 0.2, 0.3], 1: [0.05, 0.25]}
    members = [0, 0, 0, 1, 1, 2, 3, 4]
    count = {0: 3, 1: 2}
    expected = []
    for image, component in enumerate(members):
        own = [d if metric == "euclidean" else 1 / (1 + d) for d in inside.get(component, [])]
        numbers = [np.mean(own), min(own), max(own)] if own else [0, 0, 0]
        expected.append([image, component, count.get(component, 0), *numbers])
    written = [[float(v) for v in r.values()] for r in rows(tmp_path / "connected_components.csv")]
    np.testing.assert_allclose(written, expected, atol=1e-6)
    info = [[float(v) for v in r.values()] for r in rows(tmp_path / "component_info.csv")]
    np.testing.assert_allclose(info, [expected[0][1:], expected[3][1:]], atol=1e-6)
    assert found.loosest == pytest.approx(1 / 1.3)
