"""The edited views that the default model is tuned on (docs/model/views.py)."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

PATH = Path(__file__).parent.parent / "docs" / "model" / "views.py"
SPEC = importlib.util.spec_from_file_location("views", PATH)
views = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(views)


def picture(height: int, width: int) -> np.ndarray:
    coarse = np.random.default_rng(height).integers(0, 256, (height // 8, width // 8, 3))
    return coarse.astype(np.uint8).repeat(8, axis=0).repeat(8, axis=1)


@pytest.mark.parametrize("size", [(96, 128), (200, 40), (24, 400)])
@pytest.mark.parametrize("edit", views.EDITS, ids=lambda edit: edit.__name__)
def test_every_edit_gives_a_picture_and_leaves_the_given_one(edit, size):
    given = picture(*size)
    before = given.copy()
    for seed in range(5):
        made = edit(given, np.random.default_rng(seed))
        assert made.dtype == np.uint8 and made.ndim == 3 and made.shape[2] == 3 and made.size
        assert (given == before).all()


def test_the_same_seed_gives_the_same_views():
    def made() -> list[np.ndarray]:
        other = picture(120, 120)
        return [
            views.view(picture(96, 128), np.random.default_rng(seed), lambda draw: other)
            for seed in range(40)
        ]

    first, second = made(), made()
    for one, two in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, two)
    assert len({view.tobytes() for view in first}) == 40


def test_large_pictures_are_made_smaller_first():
    assert views.bounded(picture(400, 800)).shape == (200, 400, 3)
    small = picture(96, 128)
    assert views.bounded(small) is small
