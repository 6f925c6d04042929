"""Tiles over all pairs: each pair once, in bounded memory, the same numbers however cut."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from fastdup_gpu.analysis import pairs

SIZES = [0, 1, 2, 6, 7, 8, 14, 20]


def cosines(features: np.ndarray) -> np.ndarray:
    """All similarities in float64; 0 where a row has no direction."""
    rows = features.astype(float)
    rows[~np.isfinite(rows).all(axis=1)] = 0
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    return rows @ rows.T


def features_of(n: int) -> np.ndarray:
    """Rows of noise; one is zeros, one not finite, and two are equal, where there are so many."""
    rows = np.random.default_rng(n).normal(0, 3, (n, 5)).astype(np.float32)
    rows[3:4], rows[5:6, 2], rows[9:10] = 0, np.nan, rows[1:2]
    return rows


def listed(features: np.ndarray) -> dict[tuple[int, int], np.float32]:
    """What the tiles hold; a pair that stands there twice fails."""
    found: dict[tuple[int, int], np.float32] = {}
    for row, column, tile in pairs.tiles(features):
        assert max(tile.shape) <= pairs.SIDE
        for i, j in np.argwhere(~np.isnan(tile)).tolist():
            assert (row + i, column + j) not in found
            found[row + i, column + j] = tile[i, j]
    return found


@pytest.mark.parametrize("n", SIZES)
def test_every_pair_stands_in_one_tile(n, monkeypatch):
    monkeypatch.setattr(pairs, "SIDE", 7)
    features = features_of(n)
    found = listed(features)
    assert sorted(found) == list(combinations(range(n), 2))
    exact = cosines(features)
    for pair, value in found.items():
        assert value == pytest.approx(exact[pair], abs=1e-6)


@pytest.mark.parametrize("n", SIZES)
def test_similarities_of_pairs_are_the_numbers_of_the_tiles(n, monkeypatch):
    monkeypatch.setattr(pairs, "SIDE", 7)
    features = features_of(n)
    found = listed(features)
    order = np.random.default_rng(0).permutation(len(found))[: len(found) // 2]
    wanted = np.array(sorted(found), np.int64).reshape(-1, 2)[order]
    values = pairs.similarities(features, wanted)
    assert values.tolist() == [found[one, other] for one, other in wanted.tolist()]


def test_tiles_without_a_wanted_pair_are_not_computed(monkeypatch):
    monkeypatch.setattr(pairs, "SIDE", 7)
    computed = []
    product = pairs._tile
    monkeypatch.setattr(pairs, "_tile", lambda f, i, j: computed.append((i, j)) or product(f, i, j))
    pairs.similarities(features_of(30), np.array([[15, 29], [0, 1], [15, 28], [2, 3]]))
    assert computed == [(0, 0), (14, 28)]


def test_more_rows_than_a_tile_of_full_size():
    features = np.random.default_rng(0).normal(0, 1, (pairs.SIDE + 300, 8)).astype(np.float32)
    places = [(row, column, tile.shape) for row, column, tile in pairs.tiles(features)]
    side = pairs.SIDE
    assert places == [(0, 0, (side, side)), (0, side, (side, 300)), (side, side, (300, 300))]
    exact = cosines(features)
    for row, column, tile in pairs.tiles(features):
        own = exact[row : row + len(tile), column : column + tile.shape[1]]
        there = ~np.isnan(tile)
        np.testing.assert_allclose(tile[there], own[there], atol=1e-6)
