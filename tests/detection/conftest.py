"""The detector and the folder that the tests of whole runs work with."""

from pathlib import Path

import pytest
from onnx_detectors import detector


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """Red is class 0, blue class 1."""
    path = tmp_path_factory.mktemp("model") / "squares.onnx"
    return detector(path, "yolov8", 160, 160, window=64)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder `in`, in the folder that names are relative to."""
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    return tmp_path
