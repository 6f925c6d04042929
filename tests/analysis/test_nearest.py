"""The nearest rows of each, against sorting all similarities in float64."""

from __future__ import annotations

import numpy as np
import pytest

import fastdup_gpu as fastdup
from fastdup_gpu.analysis.nearest import nearest

from .made import work_dir
from .test_pairs import cosines


def sorted_all(features: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """ids and similarities, those of equal rows in order of id."""
    exact = cosines(features)
    keys = np.round(-exact, 9)
    np.fill_diagonal(keys, np.inf)
    ids = np.argsort(keys, axis=1, kind="stable")[:, :k]
    return ids, np.take_along_axis(exact, ids, axis=1)


@pytest.mark.parametrize("k", [1, 4, 40])
def test_nearest_agrees_with_sorting_all_similarities(k):
    features = np.random.default_rng(1).normal(0, 1, (2100, 6)).astype(np.float32)
    ids, values = nearest(features, k, "cpu")
    wanted, exact = sorted_all(features, k)
    np.testing.assert_allclose(values, exact, atol=1e-6)
    np.testing.assert_allclose(np.take_along_axis(cosines(features), ids, axis=1), exact, atol=1e-6)
    assert np.mean(ids == wanted) > 0.999  # neighbours may be closer than float32 tells


def test_equal_rows_stand_in_order_of_id_and_the_first_are_taken():
    three = np.random.default_rng(2).normal(0, 1, (3, 576)).astype(np.float32)
    features = three[np.arange(2500) % 3]
    ids, values = nearest(features, 5, "cpu")
    for row in (0, 3, 1301, 2499):
        equal = [i for i in range(row % 3, 2500, 3) if i != row]
        assert ids[row].tolist() == equal[:5]
    np.testing.assert_allclose(values, 1, atol=1e-6)


def test_rows_without_a_direction_are_similar_to_nothing():
    features = np.array([[1, 0], [0, 0], [np.nan, 1], [1, 0.1], [np.inf, 0], [-1, 0]], np.float32)
    ids, values = nearest(features, 5, "cpu")
    assert ids[0].tolist() == [3, 1, 2, 4, 5]
    assert ids[1].tolist() == [0, 2, 3, 4, 5]
    assert values[1].tolist() == values[2].tolist() == values[4].tolist() == [0] * 5


def test_fewer_neighbours_than_asked_for():
    ids, values = nearest(np.eye(3, dtype=np.float32), 10**12, "cpu")
    assert ids.tolist() == [[1, 2], [0, 2], [0, 1]]
    assert values.shape == (3, 2)
    for few in (0, 1):
        assert nearest(np.ones((few, 3), np.float32), 2, "cpu")[0].shape == (few, 0)


@pytest.mark.parametrize(
    ("config", "asked"),
    [
        ("{}", "cpu"),
        ('{"compute": "cpu"}', "cpu"),
        ('{"compute": "gpu"}', "auto"),
        ('{"compute": "auto"}', "auto"),
    ],
)
def test_label_scores_are_computed_where_the_run_was(tmp_path, monkeypatch, config, asked):
    from fastdup_gpu import _registry

    opened = []

    def open_backend(compute: str) -> object:
        opened.append(compute)
        return _registry.open_backend("cpu")

    monkeypatch.setattr("fastdup_gpu.analysis.nearest.open_backend", open_backend)
    found = work_dir(tmp_path / "out", dict.fromkeys("abc", 0))
    (found / "config.json").write_text(config)
    assert len(fastdup.label_scores(found, list("xxy"))) == 3
    assert opened == [asked]
