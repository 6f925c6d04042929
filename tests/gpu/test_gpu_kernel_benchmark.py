"""The benchmark of the kernels, rehearsed on the CPU: no minute of a GPU for a slip in it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import gpu_kernels
from benchmarks.gpu_stages import Setting
from fastdup_gpu.kernels import load

KERNELS = (
    "braycurtis_topk row_topk area_resize nearest_exact pixel_stats pixel_stats_advanced".split()
)


@pytest.fixture
def cases(standins):
    return {case.name: case for case in gpu_kernels.cases(small=True)}


def test_every_kernel_has_a_case(cases):
    assert set(cases) == {path.stem for path in load._FOLDER.glob("*.cu")}


@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_and_its_baseline_agree(cases, name):
    assert gpu_kernels._held_together(cases[name]) <= 1


def test_a_kernel_that_differs_is_found_out(cases):
    case = cases["nearest_exact"]
    wrong = replace(case, ours=lambda: [a ^ np.uint8(1) for a in case.ours()])
    with pytest.raises(RuntimeError, match="nearest_exact"):
        gpu_kernels._held_together(wrong)


def test_rows_say_how_many_times_as_fast(standins, monkeypatch, tmp_path):
    case = next(gpu_kernels.cases(small=True))
    monkeypatch.setattr(gpu_kernels, "cases", lambda small: [case])
    monkeypatch.setattr(gpu_kernels, "_seconds", {case.ours: 0.5, case.theirs: 3.0}.get)
    (found,) = gpu_kernels.kernels(Setting("gpu", True, 4, tmp_path))
    assert found["what"] == "kernel braycurtis_topk"
    assert (found["rate"], found["unit"]) == (6.0, "times as fast as CuPy")
    assert "abs(q - b)" in str(found["note"])
    (none,) = gpu_kernels.kernels(Setting("cpu", True, 4, tmp_path))
    assert none["rate"] == ""
