from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from cuda_on_host import KERNELS, HostKernel, build
from kernel_pictures import U8, sample

from fastdup_gpu.kernels import load
from fastdup_gpu.kernels.ragged import Ragged


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    folder = tmp_path_factory.mktemp("kernels")
    return functools.cache(lambda name: build(folder, KERNELS / f"{name}.cu"))


@pytest.fixture(params=[False, True], ids=["forward", "reverse"])
def on_host(
    request: pytest.FixtureRequest, library: Any, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., HostKernel]:
    """Lets the wrappers run on numpy arrays: numpy stands in for cupy, the shim for the GPU.

    Every test runs twice, the threads of a block taking turns in either order: a result that
    depends on the order is a missing barrier.
    """

    def kernel(name: str, entry: str = "") -> HostKernel:
        return HostKernel(library(name), entry or name, reverse=request.param)

    monkeypatch.setitem(sys.modules, "cupy", np)
    monkeypatch.setattr(load, "kernel", kernel)
    return kernel


def host_ragged(pictures: Sequence[U8]) -> Ragged:
    columns = [(p.ctypes.data, p.shape[0], p.shape[1], p.strides[0]) for p in pictures]
    pointers, heights, widths, pitches = np.array(columns, np.int64).reshape(-1, 4).T.copy()
    return Ragged(pointers, heights, widths, pitches, tuple(pictures))


@pytest.fixture
def ragged() -> Callable[[Sequence[U8]], Ragged]:
    return host_ragged


@pytest.fixture(scope="session")
def pictures() -> list[U8]:
    return sample()
