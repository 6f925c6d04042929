from __future__ import annotations

import numpy as np
import pytest

from fastdup_gpu._errors import InvalidArgument
from fastdup_gpu.kernels import braycurtis_topk as module
from fastdup_gpu.kernels.braycurtis_topk import braycurtis_topk


def reference(queries, base):
    a, b = queries.astype(np.float64)[:, None], base.astype(np.float64)[None]
    difference, total = np.abs(a - b).sum(-1), np.abs(a + b).sum(-1)
    return np.divide(difference, total, out=np.zeros_like(total), where=total > 0)


def check(distances, ids, expected):
    """Distances right, and every id at the distance that it is listed with."""
    k = ids.shape[1]
    nearest = np.sort(expected, 1)[:, :k]
    np.testing.assert_allclose(distances, nearest, rtol=1e-5, atol=1e-6)
    listed = np.take_along_axis(expected, ids, 1)
    np.testing.assert_allclose(distances, listed, rtol=1e-5, atol=1e-6)
    assert all(len(set(row)) == k for row in ids.tolist())


@pytest.mark.parametrize(
    ("m", "n", "d", "k"), [(1, 200, 5, 1), (33, 130, 17, 32), (40, 64, 16, 3), (3, 65, 100, 10)]
)
def test_finds_the_nearest_rows(on_host, m, n, d, k):
    rng = np.random.default_rng(m)
    queries, base = (rng.standard_normal((rows, d)).astype(np.float32) for rows in (m, n))
    distances, ids = braycurtis_topk(queries, base, k)
    assert (distances.dtype, ids.dtype) == (np.float32, np.int64)
    check(distances, ids, reference(queries, base))


def test_one_block_over_several_tiles_gives_the_same(on_host, monkeypatch):
    monkeypatch.setattr(module, "WANTED_BLOCKS", 1)
    base = np.random.default_rng(2).random((300, 9), np.float32)
    distances, ids = braycurtis_topk(base[:35], base, 5)
    check(distances, ids, reference(base[:35], base))


def test_equal_distances_stand_in_order_of_id(on_host):
    base = np.tile(np.array([[1, 2], [3, 1], [1, 2]], np.float32), (60, 1))
    expected = np.argsort(reference(base[:6], base), 1, kind="stable")[:, :32]
    np.testing.assert_array_equal(braycurtis_topk(base[:6], base, 32)[1], expected)


def test_too_few_rows_are_padded(on_host):
    base = np.random.default_rng(5).random((3, 4), np.float32)
    distances, ids = braycurtis_topk(base, base, 5)
    assert (ids[:, 3:] == -1).all() and np.isnan(distances[:, 3:]).all()
    assert sorted(ids[1, :3].tolist()) == [0, 1, 2]


def test_zero_rows_are_equal_to_each_other(on_host):
    base = np.zeros((2, 3), np.float32)
    np.testing.assert_array_equal(braycurtis_topk(base, base, 2)[0], np.zeros((2, 2)))


def test_empty_sides(on_host):
    rows, none = np.ones((2, 3), np.float32), np.ones((0, 3), np.float32)
    assert braycurtis_topk(none, rows, 2)[1].shape == (0, 2)
    assert (braycurtis_topk(rows, none, 2)[1] == -1).all()


@pytest.mark.parametrize("k", [0, 33])
def test_k_outside_its_range_is_refused(on_host, k):
    rows = np.ones((2, 3), np.float32)
    with pytest.raises(InvalidArgument, match=f"k={k}"):
        braycurtis_topk(rows, rows, k)
