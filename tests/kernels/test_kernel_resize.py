from __future__ import annotations

import numpy as np
import pytest
from pixels import overlaps

from fastdup_gpu.kernels.area_resize import area_resize
from fastdup_gpu.kernels.nearest_exact import nearest_exact

cv2 = pytest.importorskip("cv2")


@pytest.mark.parametrize(("height", "width"), [(160, 160), (192, 192), (7, 31)])
def test_area_is_the_mean_of_what_each_cell_covers(on_host, ragged, pictures, height, width):
    got = area_resize(ragged(pictures), height, width)
    for picture, ours in zip(pictures, got, strict=True):
        rows, columns = overlaps(len(picture), height), overlaps(picture.shape[1], width)
        exact = np.einsum(
            "ih,hwc,jw->ijc", rows, picture.astype(np.float64), columns, optimize=True
        )
        assert np.abs(ours - exact).max() <= 0.5 + 1e-6, picture.shape


@pytest.mark.parametrize("size", [(500, 333), (161, 160), (448, 640)])
def test_area_is_within_one_grey_level_of_opencv_where_both_sides_shrink(on_host, ragged, size):
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    theirs = cv2.resize(picture, (160, 160), interpolation=cv2.INTER_AREA)
    assert np.abs(area_resize(ragged([picture]), 160, 160)[0].astype(int) - theirs).max() <= 1


def test_area_of_a_shrunk_picture_is_the_exact_mean(on_host, ragged):
    rng = np.random.default_rng(3)
    picture = rng.integers(0, 256, (15, 28, 3), dtype=np.uint8)
    fine = np.repeat(np.repeat(picture.astype(np.int64), 6, 0), 5, 1)
    sums = fine.reshape(6, 15, 5, 28, 3).sum((1, 3))
    expected = (2 * sums + 15 * 28) // (2 * 15 * 28)
    np.testing.assert_array_equal(area_resize(ragged([picture]), 6, 5)[0], expected)


def test_area_keeps_flat_pictures_flat(on_host, ragged):
    flat = [np.full((h, w, 3), 201, np.uint8) for h, w in ((1, 9), (9, 1), (37, 411), (5, 5))]
    assert (area_resize(ragged(flat), 16, 16) == 201).all()


def reference_nearest(picture: np.ndarray, side: int) -> np.ndarray:
    height, width = picture.shape[:2]
    if height < side and width < side:
        return picture
    steps = 2 * np.arange(side) + 1
    return picture[steps * height // (2 * side)][:, steps * width // (2 * side)]


def test_nearest_takes_the_source_under_each_centre(on_host, ragged, pictures):
    got, heights, widths = nearest_exact(ragged(pictures))
    for i, picture in enumerate(pictures):
        expected = reference_nearest(picture, 224)
        assert (heights[i], widths[i]) == expected.shape[:2]
        np.testing.assert_array_equal(got[i, : heights[i], : widths[i]], expected)
        assert not got[i, heights[i] :].any() and not got[i, :, widths[i] :].any()


@pytest.mark.parametrize("size", [(500, 333), (333, 500), (1000, 225), (226, 3000)])
def test_nearest_is_opencvs_where_no_centre_lies_between_two_pixels(on_host, ragged, size):
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    theirs = cv2.resize(picture, (224, 224), interpolation=cv2.INTER_NEAREST_EXACT)
    np.testing.assert_array_equal(nearest_exact(ragged([picture]))[0][0], theirs)


def test_empty_batch(on_host, ragged):
    nothing = ragged([])
    assert area_resize(nothing, 8, 8).shape == (0, 8, 8, 3)
    assert nearest_exact(nothing)[0].shape == (0, 224, 224, 3)
