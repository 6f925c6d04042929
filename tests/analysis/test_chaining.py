"""Groups without chains: every two members are similar, and nothing is lost."""

from __future__ import annotations

import numpy as np
import pytest

from fastdup_gpu.analysis.chaining import split_chain
from fastdup_gpu.analysis.nearest import nearest


def cosines(features: np.ndarray) -> np.ndarray:
    rows = features.astype(float)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    return rows @ rows.T


@pytest.mark.parametrize("seed", range(5))
def test_every_two_of_a_group_are_similar_and_all_are_there(seed):
    draw = np.random.default_rng(seed)
    features = draw.normal(0, 1, (60, 3)).astype(np.float32)
    groups = split_chain(features, 0.8)
    assert sorted(np.concatenate(groups)) == list(range(60))
    exact = cosines(features)
    for group in groups:
        assert exact[np.ix_(group, group)].min() >= 0.8 - 1e-6
    firsts = [int(group[0]) for group in groups]
    assert firsts == sorted(firsts)


def test_two_clear_groups_are_found_whole():
    features = np.array([[1, 0], [0, 1], [1, 0.1], [0.1, 1], [1, 0.05]], np.float32)
    assert [group.tolist() for group in split_chain(features, 0.9)] == [[0, 2, 4], [1, 3]]


def test_zeros_belong_to_nobody():
    groups = split_chain(np.zeros((3, 4), np.float32), 0.5)
    assert [group.tolist() for group in groups] == [[0], [1], [2]]


def test_nearest_agrees_with_sorting_all_similarities():
    features = np.random.default_rng(1).normal(0, 1, (1500, 6)).astype(np.float32)
    ids, values = nearest(features, 4)
    exact = cosines(features)
    np.fill_diagonal(exact, -np.inf)
    assert np.allclose(values, -np.sort(-exact, axis=1)[:, :4], atol=1e-5)
    assert np.allclose(values, np.take_along_axis(exact, ids, axis=1), atol=1e-5)


def test_fewer_neighbours_than_asked_for():
    ids, values = nearest(np.eye(3, dtype=np.float32), 9)
    assert ids.tolist() == [[1, 2], [0, 2], [0, 1]]
    assert values.shape == (3, 2)
    assert nearest(np.ones((1, 3), np.float32), 2)[0].shape == (1, 0)
