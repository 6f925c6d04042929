"""The budget of pixels of large images."""

from __future__ import annotations

import numpy as np
import pytest
from pixels import PLAN, encode, natural

from fastdup_gpu import pixel_budget
from fastdup_gpu.protocol import Refused


@pytest.fixture
def budget(monkeypatch):
    """Of 1,000 pixels, for images of more than 100."""
    monkeypatch.setattr(pixel_budget, "_LARGE", 100)
    monkeypatch.setattr(pixel_budget, "_budget", pixel_budget._Budget(1000))
    return pixel_budget._budget


def test_what_an_image_took_is_given_back(budget):
    """Whether it can be read, is larger than the whole budget, or is damaged."""
    for data in (encode(natural(20, 30)), encode(natural(40, 50)), encode(natural(20, 30))[:-300]):
        try:
            with pixel_budget.unpacked(data, PLAN) as pixels:
                assert budget._free == max(0, 1000 - pixels.size // 3)
        except Refused:
            assert len(data) < len(encode(natural(20, 30)))
        assert budget._free == 1000


@pytest.mark.parametrize("sides", [(10, 10), (10, 11)])
def test_small_images_take_nothing(budget, sides):
    with pixel_budget.unpacked(encode(natural(*sides)), PLAN) as pixels:
        assert np.array_equal(pixels[..., ::-1], natural(*sides))
        assert budget._free == (1000 if sides == (10, 10) else 890)
