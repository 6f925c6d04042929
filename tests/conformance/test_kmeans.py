"""k-means against known clusters and the properties of Lloyd's algorithm."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from fastdup_gpu._errors import InvalidArgument


def blobs(clusters: int, each: int, d: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(clusters), each)
    rng.shuffle(truth)
    centres = rng.standard_normal((clusters, d)) * 10
    rows = centres[truth] + rng.standard_normal((len(truth), d)) * 0.1
    return rows.astype(np.float32), truth


def adjusted_rand(one: np.ndarray, two: np.ndarray) -> float:
    table = np.zeros((one.max() + 1, two.max() + 1))
    np.add.at(table, (one, two), 1)

    def pairs(counts: np.ndarray) -> float:
        return float((counts * (counts - 1) / 2).sum())

    both, first, second = pairs(table), pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    chance = first * second / pairs(np.array([len(one)]))
    return (both - chance) / ((first + second) / 2 - chance)


def inertia(rows: np.ndarray, centroids: np.ndarray) -> float:
    return float(cdist(rows, centroids, "sqeuclidean").min(axis=1).sum())


def reference_inertia(rows: np.ndarray, clusters: int, seeds: int) -> float:
    """The median over random starts of plain Lloyd in float64."""
    results = []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        centroids = rows[rng.choice(len(rows), clusters, replace=False)].astype(np.float64)
        for _ in range(30):
            labels = cdist(rows, centroids, "sqeuclidean").argmin(axis=1)
            for c in np.unique(labels):
                centroids[c] = rows[labels == c].mean(axis=0)
        results.append(inertia(rows, centroids))
    return float(np.median(results))


def run(backend, rows, clusters, iterations=20, nearest=1, seed=0):
    return backend.kmeans(
        rows, clusters=clusters, iterations=iterations, nearest=nearest, seed=seed
    )


def test_rows_far_from_the_origin_are_in_the_nearest_cluster(backend):
    rows = np.random.default_rng(0).normal(10_000, 1, (1000, 16)).astype(np.float32)
    found = run(backend, rows, 8)
    gaps = cdist(rows, found.centroids)
    np.testing.assert_allclose(
        gaps[np.arange(len(rows)), found.ids[:, 0]], gaps.min(axis=1), rtol=1e-6
    )
    assert inertia(rows, found.centroids) <= 1.03 * reference_inertia(rows, 8, seeds=5)


@pytest.fixture
def start(monkeypatch):
    """A function that gives the centroids to start from."""

    def given(*centroids: tuple[float, ...]) -> None:
        seeds = np.array(centroids, np.float32)
        monkeypatch.setattr("fastdup_gpu.kmeans.seeds", lambda *_: seeds)

    return given


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("clusters", [2, 10, 50])
def test_separate_blobs_are_found(backend, clusters, seed):
    rows, truth = blobs(clusters, 40, 16, seed)
    found = run(backend, rows, clusters, seed=seed)
    assert adjusted_rand(found.ids[:, 0], truth) == pytest.approx(1)
    means = np.array([rows[truth == c].mean(axis=0) for c in range(clusters)])
    assert cdist(means, found.centroids).min(axis=1).max() < 1e-4


def test_nearest_centroids_and_squared_distances(backend):
    rows = np.random.default_rng(0).standard_normal((3000, 24)).astype(np.float32)
    found = run(backend, rows, 12, nearest=3)
    assert (found.centroids.dtype, found.ids.dtype, found.distances.dtype) == (
        np.float32,
        np.int64,
        np.float32,
    )
    reference = cdist(rows, found.centroids, "sqeuclidean")
    np.testing.assert_array_equal(found.ids, np.argsort(reference, axis=1)[:, :3])
    np.testing.assert_allclose(found.distances, np.sort(reference, axis=1)[:, :3], rtol=1e-5)


def test_inertia_never_rises(backend):
    rows = np.random.default_rng(1).random((2000, 12), dtype=np.float32)
    course = [inertia(rows, run(backend, rows, 20, iterations=i).centroids) for i in range(1, 15)]
    assert all(after <= before * (1 + 1e-6) for before, after in pairwise(course))
    assert course[-1] < course[0]


def test_as_good_as_plain_lloyd(backend):
    rows = np.random.default_rng(2).random((1500, 8), dtype=np.float32)
    found = run(backend, rows, 15, iterations=30)
    assert inertia(rows, found.centroids) <= 1.03 * reference_inertia(rows, 15, seeds=7)


def test_no_cluster_stays_empty(backend):
    rows, _ = blobs(30, 3, 4)
    found = run(backend, rows, 60)
    assert len(np.unique(found.ids[:, 0])) == 60


def test_one_iteration_is_one_step(backend, start):
    """The row farthest from its centroid, not the longest one, gets the centroid without rows."""
    start((5, 0), (-9, 0), (-99, -99))
    rows = np.array([(6, 0), (5, 1), (5, -4), (-10, 0), (-9, 1)], np.float32)
    found = run(backend, rows, 3, iterations=1)
    expected = [rows[:3].mean(axis=0), rows[3:].mean(axis=0), rows[2]]
    np.testing.assert_allclose(found.centroids, expected, rtol=1e-6)
    assert found.ids[:, 0].tolist() == [0, 0, 2, 1, 1]


def test_a_centroid_without_rows_is_moved_until_it_has_some(backend, start):
    """It first goes to a row that is the only one of another cluster."""
    start((0.4,), (14,), (1000,))
    rows = np.array([[0], [1], [10]], np.float32)
    assert sorted(run(backend, rows, 3).centroids[:, 0].tolist()) == [0, 1, 10]


def test_centroids_of_more_rows_than_a_block_are_means(backend):
    rows, truth = blobs(3, 24_000, 4)
    found = run(backend, rows, 3)
    assert adjusted_rand(found.ids[:, 0], truth) == pytest.approx(1)
    means = [rows[found.ids[:, 0] == c].mean(axis=0, dtype=np.float64) for c in range(3)]
    np.testing.assert_allclose(found.centroids, means, rtol=1e-5)


def test_a_cluster_for_each_row(backend):
    rows = np.random.default_rng(3).random((25, 6), dtype=np.float32)
    found = run(backend, rows, 25)
    assert sorted(found.ids[:, 0]) == list(range(25))
    np.testing.assert_allclose(found.distances, 0, atol=1e-10)


def test_equal_rows(backend):
    rows = np.ones((20, 3), dtype=np.float32)
    found = run(backend, rows, 4, nearest=4)
    assert (found.distances == 0).all()
    assert (found.ids == np.arange(4)).all()


def test_same_seed_same_result(backend):
    rows = np.random.default_rng(4).random((4000, 16), dtype=np.float32)
    one, two = run(backend, rows, 30, seed=7), run(backend, rows, 30, seed=7)
    np.testing.assert_array_equal(one.centroids, two.centroids)
    np.testing.assert_array_equal(one.ids, two.ids)


def test_values_that_are_not_finite_move_no_centroid(backend):
    rows, truth = blobs(4, 50, 6)
    bad = rows.copy()
    bad[:20, 3] = np.nan
    found = run(backend, bad, 4)
    assert adjusted_rand(found.ids[20:, 0], truth[20:]) == pytest.approx(1)
    means = [rows[20:][found.ids[20:, 0] == c].mean(axis=0) for c in range(4)]
    np.testing.assert_allclose(found.centroids, means, rtol=1e-5)
    assert np.isinf(found.distances[:20]).all()


def test_no_centroid_is_put_on_a_row_that_is_not_finite(backend):
    rows = np.array([(1, 2), (np.nan, 0), (np.inf, 0)], np.float32)
    assert np.isfinite(run(backend, rows, 3).centroids).all()


def test_more_nearest_than_clusters_is_padded(backend):
    rows = np.random.default_rng(5).random((30, 4), dtype=np.float32)
    found = run(backend, rows, 2, nearest=3)
    assert (found.ids[:, 2] == -1).all()
    assert np.isnan(found.distances[:, 2]).all()


@pytest.mark.parametrize(
    ("clusters", "iterations", "nearest"), [(11, 5, 1), (0, 5, 1), (3, 0, 1), (3, 5, 0)]
)
def test_arguments_that_do_not_fit(backend, clusters, iterations, nearest):
    with pytest.raises(InvalidArgument):
        run(backend, np.ones((10, 2), dtype=np.float32), clusters, iterations, nearest)
