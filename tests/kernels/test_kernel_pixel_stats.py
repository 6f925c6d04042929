from __future__ import annotations

import numpy as np
import pytest
from kernel_pictures import natural

from fastdup_gpu._errors import InvalidArgument
from fastdup_gpu.formats import names
from fastdup_gpu.kernels import pixel_stats as basic
from fastdup_gpu.kernels import pixel_stats_advanced as advanced

cv2 = pytest.importorskip("cv2")


def square_batch(pictures, side=224):
    """Valid parts of side x side squares; what lies outside must not count, so it is rubbish."""
    batch = np.full((len(pictures), side, side, 3), 173, np.uint8)
    kept = [p[:side, :side] for p in pictures]
    for square, picture in zip(batch, kept, strict=True):
        square[: picture.shape[0], : picture.shape[1]] = picture
    sizes = np.array([p.shape[:2] for p in kept], np.int64)
    return batch, sizes[:, 0].copy(), sizes[:, 1].copy(), kept


def reference_basic(picture):
    p = picture.astype(np.float64)
    blur = cv2.Laplacian(np.ascontiguousarray(picture[..., 2]), cv2.CV_64F).var()
    low, high = p.min(), p.max()
    contrast = (high - low) / (high + low) if high else 0.0
    stdv = p.std((0, 1)).mean()
    return [len(np.unique(picture)), blur, p.mean(), low, high, stdv, contrast]


def reference_advanced(picture):
    p = picture.astype(np.float64)
    means, deviations = p.mean((0, 1)), p.std((0, 1))
    variation = np.divide(deviations, means, out=np.zeros(3), where=means > 0)
    r, g, b = means / p.mean() if p.any() else np.zeros(3)
    hsv = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV).astype(np.float64).mean((0, 1))
    edges = cv2.Canny(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), 50, 150)
    own = [np.sqrt((variation**2).mean()), r, b, g, *hsv, (edges > 0).mean(), *means]
    return reference_basic(picture) + own


def test_basic_statistics(on_host, pictures):
    batch, heights, widths, kept = square_batch(pictures)
    got = basic.pixel_stats(batch, heights, widths)
    expected = np.array([reference_basic(p) for p in kept])
    assert got.shape == (len(kept), len(names.PIXEL_STATS))
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-9)


def test_advanced_statistics(on_host, pictures):
    batch, heights, widths, kept = square_batch(pictures)
    got = advanced.pixel_stats_advanced(batch, heights, widths)
    expected = np.array([reference_advanced(np.ascontiguousarray(p)) for p in kept])
    assert got.shape == (len(kept), len(names.PIXEL_STATS_ADVANCED))
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-9)


def test_edges_equal_opencvs_on_many_pictures(on_host):
    blurred = [cv2.GaussianBlur(natural(200 + i, 224 - i, i), (0, 0), 1 + i % 3) for i in range(12)]
    batch, heights, widths, kept = square_batch(blurred)
    got = advanced.pixel_stats_advanced(batch, heights, widths)
    column = names.PIXEL_STATS_ADVANCED.index("edge_density")
    expected = [(cv2.Canny(cv2.cvtColor(p, cv2.COLOR_RGB2GRAY), 50, 150) > 0).mean() for p in kept]
    np.testing.assert_allclose(got[:, column], expected, rtol=1e-12)


def test_weak_edges_follow_a_winding_path(on_host):
    """One strong end must light a long, weak spiral."""
    turn = np.linspace(0, 12 * np.pi, 2000)
    points = np.stack(
        [112 + (8 + 2.5 * turn) * np.cos(turn), 112 + (8 + 2.5 * turn) * np.sin(turn)], -1
    )
    spiral = cv2.polylines(np.zeros((224, 224), np.uint8), [points.astype(np.int32)], False, 22, 5)
    lit = cv2.polylines(spiral.copy(), [points[:8].astype(np.int32)], False, 60, 5)
    batch, heights, widths, _ = square_batch([np.repeat(p[..., None], 3, 2) for p in (spiral, lit)])
    dark, bright = advanced.pixel_stats_advanced(batch, heights, widths)[:, 14]
    assert dark == 0
    assert bright == (cv2.Canny(lit, 50, 150) > 0).mean() > 0.03


def test_hsv_of_every_hue(on_host):
    """A slice of the colour cube a picture, so that all sectors and most ratios occur."""
    r, g, b = np.meshgrid(*[np.arange(0, 256, 5)] * 3, indexing="ij")
    cube = np.stack([r, g, b], -1).astype(np.uint8).reshape(-1, 3)
    pictures = [np.ascontiguousarray(part.reshape(1, -1, 3)) for part in np.array_split(cube, 800)]
    batch, heights, widths, kept = square_batch(pictures)
    got = advanced.pixel_stats_advanced(batch[:, :1].copy(), heights, widths)[:, 11:14]
    hsv = [cv2.cvtColor(p, cv2.COLOR_RGB2HSV).astype(float).mean((0, 1)) for p in kept]
    np.testing.assert_allclose(got, hsv, rtol=1e-12)


def test_wrong_arguments_are_refused(on_host):
    batch, sizes = np.zeros((2, 8, 8, 3), np.uint8), np.full(2, 8, np.int64)
    with pytest.raises(InvalidArgument, match="heights is int32"):
        basic.pixel_stats(batch, sizes.astype(np.int32), sizes)
    with pytest.raises(InvalidArgument, match="batch is uint8"):
        basic.pixel_stats(batch[:, :, ::2], sizes, sizes)
    with pytest.raises(InvalidArgument, match="up to 224x224"):
        advanced.pixel_stats_advanced(np.zeros((1, 300, 8, 3), np.uint8), sizes[:1], sizes[:1])


def test_empty_batch(on_host):
    none = np.empty(0, np.int64)
    assert advanced.pixel_stats_advanced(np.empty((0, 9, 9, 3), np.uint8), none, none).shape == (
        0,
        18,
    )
