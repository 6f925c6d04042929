"""Searching a run with the model its features came from, and with another."""

from __future__ import annotations

import numpy as np
import pytest
from making import photos, run
from onnx_models import mean_and_max

import fastdup_gpu


@pytest.fixture(scope="module")
def own_model_run(tmp_path_factory):
    """A run with a model that is not the built-in one: its pictures, work_dir and model."""
    root = tmp_path_factory.mktemp("own")
    paths = photos(root / "in", 6)
    model = mean_and_max(root / "own.onnx", 32, 32)
    assert run(root / "in", root / "out", model_path=model, d=6) == 0
    return paths, root / "out", model


def test_with_the_model_of_the_run(own_model_run):
    paths, out, model = own_model_run
    assert fastdup_gpu.init_search(2, out, d=6, model_path=model) == 0
    found = fastdup_gpu.search(paths[3])
    assert found["to"][0] == str(paths[3])
    assert found["distance"][0] == pytest.approx(1, abs=1e-6)


def test_without_the_model_of_the_run(own_model_run, caplog):
    _, out, _ = own_model_run
    assert fastdup_gpu.init_search(2, out, d=6) == 1
    assert "used the model 'own.onnx'" in caplog.text


def test_features_of_another_length_than_the_built_in_model_gives(tmp_path, caplog):
    features = np.random.default_rng(0).random((5, 8))
    assert fastdup_gpu.save_binary_feature(tmp_path, list("abcde"), features) == 0
    assert fastdup_gpu.run("", tmp_path, run_mode=2, d=8) == 0
    assert fastdup_gpu.init_search(2, tmp_path, d=8) == 1
    assert "8 numbers an image" in caplog.text
