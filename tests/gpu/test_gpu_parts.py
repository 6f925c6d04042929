"""The stage that tells what binds extraction, on stand-ins: no minute of a GPU for a slip in it."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import pytest

from benchmarks import gpu_parts
from benchmarks.gpu_stages import Setting


@pytest.fixture(scope="module")
def scratch(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("parts")


WITHOUT_DRIVER = [variant for variant in gpu_parts.VARIANTS if not variant.multiprocessors]


@pytest.mark.parametrize("variant", WITHOUT_DRIVER, ids=lambda v: v.name)
def test_every_variant_runs_and_leaves_nothing_changed(host_engine, monkeypatch, scratch, variant):
    from fastdup_gpu.gpu import backend, embed, lanes, nvimg

    owners = backend.GpuBackend, embed.GpuModel, lanes, nvimg.NvImageDecoder
    before = [dict(vars(owner)) for owner in owners], sys.getswitchinterval()
    monkeypatch.setattr(gpu_parts, "VARIANTS", [variant])
    (found,) = gpu_parts.parts(Setting("gpu", True, 80, scratch))
    assert found["what"] == f"extract {variant.name}" and found["size"] == 40
    assert all(name in str(found["note"]) for name in ("_extract", "draw", "fetched", "_make"))
    assert ([dict(vars(owner)) for owner in owners], sys.getswitchinterval()) == before
    assert gc.isenabled()


def test_a_cpu_has_no_such_parts(scratch):
    assert list(gpu_parts.parts(Setting("cpu", True, 4, scratch))) == []
