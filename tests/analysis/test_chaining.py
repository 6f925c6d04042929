"""Groups without chains: every two members are similar, and nothing is lost."""

from __future__ import annotations

import numpy as np
import pytest

from fastdup_gpu.analysis import pairs
from fastdup_gpu.analysis.chaining import split_chain

from .test_pairs import cosines


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


def test_exact_copies_are_found_by_the_largest_similarity():
    features = np.eye(3, dtype=np.float32)[[0, 1, 0, 2, 1, 0]]
    groups = split_chain(features, 1.0)
    assert [group.tolist() for group in groups] == [[0, 2, 5], [1, 4], [3]]


def test_zeros_belong_to_nobody():
    groups = split_chain(np.zeros((3, 4), np.float32), 0.5)
    assert [group.tolist() for group in groups] == [[0], [1], [2]]


def test_equal_rows_stay_together_and_rows_without_a_direction_alone():
    rows = np.random.default_rng(0).normal(0, 1, (2, 576)).astype(np.float32)
    features = np.concatenate([rows, rows, np.full((1, 576), np.nan, np.float32), rows])
    groups = split_chain(features, 0.99)
    assert [group.tolist() for group in groups] == [[0, 2, 5], [1, 3, 6], [4]]


@pytest.mark.parametrize("n", [13, 14, 60])
def test_groups_are_the_same_however_the_pairs_are_cut_into_tiles(n, monkeypatch):
    features = np.random.default_rng(n).normal(0, 1, (n, 3)).astype(np.float32)
    whole = [group.tolist() for group in split_chain(features, 0.8)]
    monkeypatch.setattr(pairs, "SIDE", 7)
    assert [group.tolist() for group in split_chain(features, 0.8)] == whole
    most = int(np.argmax(np.count_nonzero(cosines(features) >= 0.8, axis=1)))
    (first,) = [group for group in whole if most in group]
    alike = np.flatnonzero(cosines(features)[most] >= 0.8)
    nearest = alike[np.argsort(-cosines(features)[most][alike])][:2]
    assert set(nearest.tolist()) <= set(first)
