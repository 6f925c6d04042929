"""What a run sets for the whole process is as it was afterwards."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor

import cv2
import pytest
from making import photos, run

from fastdup_gpu.pictures import quiet


@pytest.fixture(autouse=True)
def own_settings():
    before = cv2.getNumThreads(), cv2.utils.logging.getLogLevel()
    cv2.setNumThreads(2)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    yield
    cv2.setNumThreads(before[0])
    cv2.utils.logging.setLogLevel(before[1])


def settings():
    return cv2.getNumThreads(), cv2.utils.logging.getLogLevel(), list(warnings.filters)


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
