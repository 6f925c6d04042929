"""Seeds of k-means, for both backends."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from fastdup_gpu import kmeans
from fastdup_gpu.indexing.rows import squared


def gaps_of(rows: np.ndarray) -> kmeans.Gaps:
    return partial(kmeans.gaps_between, rows, squared(rows), xp=np)


def test_gaps_are_squared_distances_and_none_to_itself():
    rows = 100 + np.random.default_rng(0).random((200, 8), dtype=np.float32)
    gaps = gaps_of(rows)(np.arange(0, 200, 3))
    assert gaps.dtype == np.float32
    assert gaps.min() == 0
    assert (gaps[np.arange(67), np.arange(0, 200, 3)] == 0).all()
    expected = cdist(rows[::3], rows, "sqeuclidean")
    np.testing.assert_allclose(gaps, expected, atol=0.1)  # float32 of squares of 80,000


@pytest.mark.parametrize("least", [1, 20_000])
def test_as_many_seeds_as_rows_are_all_the_rows(monkeypatch, least):
    """Also of a sample that is as small as the number of seeds allows."""
    monkeypatch.setattr(kmeans, "_SEED_ROWS", least)
    rows = np.random.default_rng(0).random((40, 6), dtype=np.float32)
    found = kmeans.seeds(rows, 40, 0, gaps_of, np)
    assert sorted(found.tolist()) == sorted(rows.tolist())


def test_seeds_depend_on_the_seed():
    rows = np.random.default_rng(0).random((400, 6), dtype=np.float32)
    one, same, other = (kmeans.seeds(rows, 5, seed, gaps_of, np) for seed in (1, 1, 2))
    assert (one == same).all()
    assert (one != other).any()
