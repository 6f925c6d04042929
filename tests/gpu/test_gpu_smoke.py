"""The smoke run: each check by itself on stand-ins, and how one that fails is told."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
import standin

from benchmarks import gpu_checks, gpu_smoke
from fastdup_gpu.gpu import stats

pytest.importorskip("cv2")


@pytest.fixture
def little(host_engine, monkeypatch):
    """No GPU, little to do."""
    monkeypatch.setattr(gpu_checks, "ROWS", 600)
    monkeypatch.setattr(gpu_checks, "PICTURES", 8)
    monkeypatch.setattr(gpu_checks, "BATCHES", 1)
    monkeypatch.setattr(gpu_checks, "_BATCH", 3)


def found(name: str) -> dict:
    return {key: value for line in gpu_checks.CHECKS[name]() for key, value in line.items()}


def test_kernels(little, monkeypatch):
    lines = found("kernels")
    assert {"compile area_resize s", "compile braycurtis_topk s"} <= lines.keys()
    assert lines["statistics differ by"] < 0.05
    monkeypatch.setattr(stats, "pixel_stats", lambda *_, **__: standin.device(np.zeros((2, 18))))
    with pytest.raises(AssertionError):
        found("kernels")


def test_decoding(little):
    lines = found("nvimgcodec")
    assert lines["png"].startswith("mean 0.000")
    assert lines["without tables"] == "refused {'here': True, 'by the CPU': True}"
    assert lines["images/s, hardware 0.8"] > 0 and "data" in lines["interface"]


def test_extraction(little):
    lines = found("extraction")
    assert lines["status differs"] == [] and lines["least cosine"] >= 0.995


def test_an_engine(little):
    lines = found("onnxruntime")
    assert lines["least cosine"] >= 0.999 and lines["images/s"] > 0


@pytest.mark.parametrize(
    "name", ["exact_search", "approximate_search", "graphs", "memory_pool", "rehearsals"]
)
def test_the_rest(little, name):
    for value in found(name).values():
        assert not (isinstance(value, float) and math.isnan(value))


def test_a_check_is_a_process_of_its_own_and_says_why_it_failed():
    line = gpu_smoke.run_check("machine", 120)
    assert line["ok"] and line["found"]["python"] and "missing" in line["found"]
    line = gpu_smoke.run_check("machine", 0.01)
    assert not line["ok"] and line["error"].startswith("stopped after")


def test_what_was_found_before_a_crash_is_kept(monkeypatch):
    crash = "import os; print('found: {\"a\": 1}', flush=True); os.abort()"
    monkeypatch.setattr(gpu_smoke, "_command", lambda name: [sys.executable, "-c", crash])
    line = gpu_smoke.run_check("machine", 60)
    assert not line["ok"] and line["found"] == {"a": 1} and line["error"].startswith("SIGABRT")


def test_one_failure_ends_no_other(monkeypatch):
    monkeypatch.setattr(
        gpu_smoke, "run_check", lambda name, limit: {"check": name, "ok": name == "b"}
    )
    told = []
    assert not gpu_smoke.run_checks(["a", "b", "c"], 1, 2, told.append)
    assert sorted(line["check"] for line in told) == ["a", "b", "c"]
