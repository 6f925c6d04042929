"""What a run sets for the whole process is as it was afterwards."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import cv2
import pytest
import scipy.sparse  # noqa: F401  it adds a filter of warnings for ever
from making import photos, run
from PIL import Image

from fastdup_gpu._process_wide import ProcessWide, pillow_unwarned
from fastdup_gpu.pictures import quiet

LOGS = getattr(cv2.utils, "logging", cv2)  # before OpenCV 4.13 in cv2 itself


@pytest.fixture(autouse=True)
def own_settings():
    before = cv2.getNumThreads(), LOGS.getLogLevel()
    cv2.setNumThreads(2)
    LOGS.setLogLevel(2)
    yield
    cv2.setNumThreads(before[0])
    LOGS.setLogLevel(before[1])


def settings():
    return (
        cv2.getNumThreads(),
        LOGS.getLogLevel(),
        list(warnings.filters),
        Image.MAX_IMAGE_PIXELS,
    )


def test_after_a_run(tmp_path):
    before = settings()
    photos(tmp_path / "in", 12)
    assert run(tmp_path / "in", tmp_path / "out") == 0
    assert settings() == before


def test_after_several_at_once():
    before = settings()
    with ThreadPoolExecutor(4) as pool:

        def enter(_):
            with quiet:
                return cv2.getNumThreads()

        assert set(pool.map(enter, range(200))) == {1}
    assert settings() == before
    with pytest.raises(KeyError), quiet:
        raise KeyError
    assert settings() == before


@pytest.mark.parametrize("kinds", [(pillow_unwarned, pillow_unwarned), (quiet, pillow_unwarned)])
def test_the_first_that_enters_may_leave_first(kinds):
    before = settings()
    first, second = ExitStack(), ExitStack()
    first.enter_context(kinds[0])
    second.enter_context(kinds[1])
    first.close()
    with warnings.catch_warnings(record=True) as told:
        warnings.warn_explicit("of a picture", UserWarning, "x", 1, module="PIL.Image")
    assert told == []
    second.close()
    assert settings() == before


def test_a_change_that_fails_is_not_counted():
    attempts = []

    @contextmanager
    def change():
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError
        yield

    setting = ProcessWide(change)
    with pytest.raises(OSError), setting:
        pass
    with setting, setting:
        assert len(attempts) == 2
