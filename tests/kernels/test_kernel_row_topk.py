from __future__ import annotations

import numpy as np
import pytest

from fastdup_gpu._errors import InvalidArgument
from fastdup_gpu.kernels.row_topk import row_topk, unpacked


def reference(scores, k):
    """By float64, equal scores in order of place."""
    order = np.argsort(-scores.astype(np.float64), axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, order, 1).astype(np.float32), order


def found(scores, k, *, tile=0):
    """The kernel over tiles of columns, each with a rest that does not count."""
    m, n = scores.shape
    best = np.zeros((m, k), np.uint64)
    for first in range(0, n, tile or n):
        part = scores[:, first : first + (tile or n)]
        padded = np.full((m, -(-part.shape[1] // 8) * 8), np.float16(9), np.float16)
        padded[:, : part.shape[1]] = part
        row_topk(padded, part.shape[1], first, best)
    return unpacked(best)


@pytest.mark.parametrize(
    ("n", "k", "tile"),
    [
        *((1, 1, 0), (7, 7, 0), (100, 33, 0), (2049, 33, 0), (9001, 3, 0), (5000, 1024, 0)),
        *((5003, 33, 808), (4099, 264, 2048), (300, 40, 8)),
    ],
)
def test_the_largest_of_each_row(on_host, n, k, tile):
    rng = np.random.default_rng(n)
    scores = rng.standard_normal((3, n)).astype(np.float16)
    values, places = found(scores, k, tile=tile)
    assert (values.dtype, places.dtype) == (np.float32, np.int64)
    expected = reference(scores, k)
    np.testing.assert_array_equal(places, expected[1])
    np.testing.assert_array_equal(values, expected[0])


@pytest.mark.parametrize("rising", [True, False])
def test_rows_in_order_fill_the_room_for_candidates_again_and_again(on_host, rising):
    scores = np.linspace(-1, 1, 9000).astype(np.float16)[None, :: 1 if rising else -1]
    values, places = found(np.ascontiguousarray(scores), 33, tile=4104)
    np.testing.assert_array_equal(places, reference(scores, 33)[1])
    np.testing.assert_array_equal(values, reference(scores, 33)[0])


def test_equal_scores_stand_in_order_of_place(on_host):
    scores = np.tile(np.array([0.5, 0.25, 0.5, -0.5], np.float16), (2, 1500))
    np.testing.assert_array_equal(found(scores, 200, tile=2048)[1], reference(scores, 200)[1])


def test_zeros_infinities_and_the_smallest_numbers(on_host):
    row = [0.0, -0.0, np.inf, -np.inf, 6e-8, -6e-8, 65504, -65504]
    scores = np.array([row], np.float16)
    values, places = found(scores, 8)
    assert values[0].tolist() == sorted(scores[0].astype(float), reverse=True)
    assert sorted(places[0].tolist()) == list(range(8))


def test_fewer_scores_than_wanted_leave_places_free(on_host):
    values, places = found(np.ones((2, 3), np.float16), 5)
    assert places[:, :3].tolist() == [[0, 1, 2]] * 2
    assert (places[:, 3:] == -1).all() and (values[:, 3:] == -np.inf).all()


def test_places_past_two_to_the_31(on_host):
    best = np.zeros((1, 2), np.uint64)
    row_topk(np.array([[1, 2, 3, 4, 5, 6, 7, 8]], np.float16), 8, 2**32 - 8, best)
    assert unpacked(best)[1].tolist() == [[2**32 - 1, 2**32 - 2]]


def test_nothing_to_look_at(on_host):
    best = np.zeros((2, 3), np.uint64)
    row_topk(np.zeros((2, 8), np.float16), 0, 0, best)
    row_topk(np.zeros((0, 8), np.float16), 8, 0, best[:0])
    assert not best.any()


@pytest.mark.parametrize(
    ("pitch", "k", "columns"), [(12, 3, 12), (8, 0, 8), (8, 1025, 8), (8, 3, 9)]
)
def test_what_the_kernel_would_misread_is_refused(on_host, pitch, k, columns):
    with pytest.raises(InvalidArgument, match="multiple of 8"):
        row_topk(np.zeros((1, pitch), np.float16), columns, 0, np.zeros((1, k), np.uint64))
