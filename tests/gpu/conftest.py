from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import standin

from fastdup_gpu.gpu import memory, probe, rehearsal

sys.path.append(str(Path(__file__).parents[1] / "kernels"))
from cuda_on_host import KERNELS, HostKernel, build

from fastdup_gpu.kernels import load


@pytest.fixture(scope="session")
def kernel_library(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    folder = tmp_path_factory.mktemp("kernels")
    return functools.cache(lambda name: build(folder, KERNELS / f"{name}.cu"))


@pytest.fixture
def standins(monkeypatch: pytest.MonkeyPatch, kernel_library: Any) -> standin.Cupy:
    """numpy for cupy, the host shim for the kernels, small fakes for the GPU libraries."""

    turn = threading.Lock()  # the shim knows one launch at a time

    def kernel(name: str, entry: str = "") -> Callable[..., None]:
        if name == "row_topk":
            return standin.row_topk

        def launch(*args: Any) -> None:
            with turn:  # when the library is built, too
                HostKernel(kernel_library(name), entry or name)(*args)

        return launch

    found = standin.modules()
    for name, module in found.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(load, "kernel", kernel)
    monkeypatch.setattr(probe, "require", lambda **_: None)
    monkeypatch.setattr(probe, "wake", lambda device: None)
    monkeypatch.setattr(rehearsal, "rehearse", lambda *_: None)  # slow on the host
    counts = SimpleNamespace(peak_bytes=0, current_bytes=0)
    monkeypatch.setattr(
        memory, "_POOLS", {0: memory.Pool(SimpleNamespace(allocation_counts=counts), 1 << 40)}
    )
    cupy = found["cupy"]
    assert isinstance(cupy, standin.Cupy)
    return cupy


@pytest.fixture
def backend(standins: standin.Cupy) -> Any:
    from fastdup_gpu.gpu.backend import GpuBackend

    return GpuBackend()


@pytest.fixture
def host_engine(standins: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """onnxruntime's CPU provider under the CUDA one's name, bound to the same addresses."""
    from fastdup_gpu.gpu import ort_cuda
    from fastdup_gpu.gpu.backend import GpuBackend

    monkeypatch.setattr(GpuBackend, "batch_size", 8)
    monkeypatch.setattr(ort_cuda, "PROVIDER", "CPUExecutionProvider")
    monkeypatch.setattr(ort_cuda, "DEVICE", "cpu")
    monkeypatch.setattr(ort_cuda, "provider_settings", lambda device, stream: {})
    monkeypatch.setattr(ort_cuda, "_check_cudnn", lambda: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
