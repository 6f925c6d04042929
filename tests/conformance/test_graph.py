"""Components and PageRank against plain reference computations."""

from __future__ import annotations

import numpy as np
import pytest

from fastdup_gpu._errors import InvalidArgument


def edges(*pairs: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    array = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return array[:, 0], array[:, 1]


def random_edges(n: int, m: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, n, m), rng.integers(0, n, m), rng.random(m) + 0.01


def smallest_reachable(n, sources, targets) -> np.ndarray:
    """The smallest member of each vertex's component, by passing labels until none changes."""
    label = np.arange(n)
    while True:
        before = label.copy()
        for s, t in zip(sources, targets, strict=True):
            label[s] = label[t] = min(label[s], label[t])
        if (label == before).all():
            return label


def solved_pagerank(n, sources, targets, weights) -> np.ndarray:
    matrix = np.zeros((n, n))
    for s, t, w in zip(sources, targets, weights, strict=True):
        if s != t:
            matrix[s, t] = matrix[t, s] = max(matrix[s, t], w)
    degree = matrix.sum(axis=0)
    walk = np.where(degree > 0, matrix / np.where(degree > 0, degree, 1), 1 / n)
    return np.linalg.solve(np.eye(n) - 0.85 * walk, np.full(n, 0.15 / n))


def test_components_are_numbered_by_their_smallest_member(backend):
    found = backend.components(8, *edges((7, 2), (5, 1), (1, 3), (6, 6)))
    assert found.dtype == np.int64
    assert found.tolist() == [0, 1, 2, 1, 3, 1, 4, 2]


@pytest.mark.parametrize("m", [0, 50, 150, 400])
def test_components_of_random_graphs(backend, m):
    sources, targets, _ = random_edges(200, m, seed=m)
    smallest = smallest_reachable(200, sources, targets)
    expected = np.searchsorted(np.unique(smallest), smallest)
    np.testing.assert_array_equal(backend.components(200, sources, targets), expected)


def test_direction_and_repetition_of_edges_do_not_matter(backend):
    sources, targets, weights = random_edges(50, 80, seed=1)
    twice = np.concatenate([sources, targets]), np.concatenate([targets, sources])
    np.testing.assert_array_equal(
        backend.components(50, sources, targets), backend.components(50, *twice)
    )
    np.testing.assert_allclose(
        backend.pagerank(50, sources, targets, weights),
        backend.pagerank(50, *twice, np.tile(weights, 2)),
        atol=1e-9,
    )


def test_a_long_chain_is_one_component(backend):
    chain = np.arange(99_999)
    assert (backend.components(100_000, chain + 1, chain) == 0).all()


@pytest.mark.parametrize("m", [0, 30, 200, 1000])
def test_pagerank_solves_its_equation(backend, m):
    sources, targets, weights = random_edges(100, m, seed=m)
    found = backend.pagerank(100, sources, targets, weights)
    assert found.dtype == np.float64
    assert found.sum() == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(
        found, solved_pagerank(100, sources, targets, weights), rtol=0, atol=1e-8
    )


@pytest.mark.parametrize("weight", [0.0, -0.5, np.inf, -np.inf, np.nan])
def test_edges_without_a_positive_finite_weight_do_not_count(backend, weight):
    sources, targets, weights = random_edges(50, 80, seed=2)
    more = np.concatenate([sources, [0, 1, 2]]), np.concatenate([targets, [1, 2, 3]])
    found = backend.pagerank(50, *more, np.concatenate([weights, [weight] * 3]))
    expected = solved_pagerank(50, sources, targets, weights)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8)


def test_empty_graphs(backend):
    none = np.zeros(0, dtype=np.int64)
    assert backend.components(0, none, none).tolist() == []
    assert backend.components(3, none, none).tolist() == [0, 1, 2]
    assert backend.pagerank(0, none, none, np.zeros(0)).tolist() == []
    assert backend.pagerank(4, none, none, np.zeros(0)).tolist() == [0.25] * 4


@pytest.mark.parametrize("vertex", [-1, 3])
def test_vertices_out_of_range_are_refused(backend, vertex):
    for ends in ((0, vertex), (vertex, 0)):
        with pytest.raises(InvalidArgument):
            backend.components(3, *edges(ends))
        with pytest.raises(InvalidArgument):
            backend.pagerank(3, *edges(ends), np.ones(1))
