"""The area resize of the CPU against exact means in float64."""

from __future__ import annotations

import numpy as np
import pytest

from fastdup_gpu.area import resize_area

SIZES = {
    "small": (233, 300),
    "whole rectangles": (256, 384),
    "medium": (620, 901),
    "large": (1301, 1207),
    "one side grows": (100, 301),
    "both sides grow": (60, 90),
    "as large": (128, 128),
}


def shares(given: int, wanted: int) -> np.ndarray:
    """f64[wanted, given]: what part each given cell has of each even share of the whole."""
    edges = np.arange(wanted + 1) * given / wanted
    cells = np.arange(given)
    low = np.maximum(edges[:-1, None], cells)
    high = np.minimum(edges[1:, None], cells + 1)
    return np.maximum(high - low, 0) * wanted / given


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_every_pixel_is_the_rounded_mean_of_its_rectangle(size):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    down, across = shares(size[0], 128), shares(size[1], 128)
    exact = np.einsum("yh,hwc,xw->yxc", down, pixels.astype(np.float64), across, optimize=True)
    made = resize_area(pixels, 128, 128)
    assert made.shape == (128, 128, 3) and made.dtype == np.uint8
    assert np.abs(made - exact).max() <= 0.5 + 1e-3
