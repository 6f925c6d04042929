"""Edges made into pairs of vertices, for both backends."""

from __future__ import annotations

import numpy as np
import pytest

from fastdup_gpu.graphs import by_smallest_member, undirected


@pytest.mark.parametrize("m", [0, 1, 40, 500])
def test_each_pair_stands_once_with_its_largest_weight(m):
    rng = np.random.default_rng(m)
    sources, targets = rng.integers(0, 12, (2, m))
    weights = 0.5 + rng.integers(-3, 4, m) * 1e-12  # as float32 all the same
    weights[::7], weights[1::9], weights[2::11] = np.nan, 0, -1
    expected: dict[tuple[int, int], float] = {}
    for s, t, w in zip(sources.tolist(), targets.tolist(), weights.tolist(), strict=True):
        if s != t and w > 0:
            pair = (min(s, t), max(s, t))
            expected[pair] = max(w, expected.get(pair, 0))
    low, high, value = undirected(12, sources, targets, weights, np)
    pairs = list(zip(low.tolist(), high.tolist(), strict=True))
    assert dict(zip(pairs, value.tolist(), strict=True)) == expected
    assert sorted(expected) == pairs


def test_pairs_of_more_vertices_than_32_bits_square():
    n = 3_000_000_000
    low, high, _ = undirected(n, np.array([n - 1]), np.array([n - 2]), np.ones(1), np)
    assert (low[0], high[0]) == (n - 2, n - 1)


def test_labels_are_numbered_by_their_first_vertex():
    found = by_smallest_member(np.array([9, 3, 9, 7, 3]), np)
    assert found.tolist() == [0, 1, 0, 2, 1]
