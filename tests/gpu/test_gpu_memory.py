from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from conformance.test_neighbors import clustered

from fastdup_gpu._errors import InvalidArgument
from fastdup_gpu.gpu import memory
from fastdup_gpu.gpu.backend import GpuBackend
from fastdup_gpu.protocol import SearchPlan


class CuvsException(Exception):
    """By name only: libraries raise errors of their own."""


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        MemoryError("std::bad_alloc: out_of_memory: CUDA error"),
        CuvsException("rmm: bad_alloc at pool"),
        RuntimeError("CUDA_ERROR_OUT_OF_MEMORY: out of memory"),
        RuntimeError("Failed to allocate memory for requested buffer of size 17"),
        RuntimeError("CUDA Runtime failure: '#2' at decoder.cpp:17"),
        RuntimeError("CUBLAS_STATUS_ALLOC_FAILED"),
        RuntimeError("CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
    ],
)
def test_too_little_memory_is_known_by_each_library(error):
    assert memory.is_out_of_memory(error)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("k is too large"),
        RuntimeError("no kernel image"),
        RuntimeError("CUDA Runtime failure: '#209' at decoder.cpp:17"),
    ],
)
def test_other_errors_are_not_mistaken_for_it(error):
    assert not memory.is_out_of_memory(error)


@pytest.mark.parametrize(("n", "size", "room"), [(99, 64, 99), (99, 64, 10), (7, 99, 1), (0, 5, 1)])
def test_every_row_is_done_once_in_order_however_little_fits(n, size, room):
    def work(part: slice) -> list[int]:
        if part.stop - part.start > room:
            raise MemoryError
        return list(range(part.start, part.stop))

    done = [row for _, rows in memory.halving(n, size, work) for row in rows]
    assert done == list(range(n))


def test_halving_stays_small_and_says_so(caplog):
    tried = []

    def work(part: slice) -> None:
        tried.append(part.stop - part.start)
        if tried[-1] > 20:
            raise MemoryError

    with caplog.at_level(logging.INFO, "fastdup_gpu"):
        list(memory.halving(200, 64, work))
    assert tried[:3] == [64, 32, 16] and max(tried[3:]) <= 16
    assert "GPU memory ran out" in caplog.text


def test_one_row_that_does_not_fit_raises():
    def work(part: slice) -> None:
        raise MemoryError("no room")

    with pytest.raises(MemoryError, match="no room"):
        list(memory.halving(8, 8, work))


def test_other_errors_are_raised_at_once():
    calls = []

    def work(part: slice) -> None:
        calls.append(part)
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        list(memory.halving(8, 8, work))
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("peak", "current", "keeps", "unused"),
    [(0, 0, 500, 0), (300, 100, 500, 200), (900, 100, 500, 400), (900, 700, 500, 0)],
)
def test_free_memory_includes_what_the_pool_keeps(
    standins, monkeypatch, peak, current, keeps, unused
):
    counts = SimpleNamespace(peak_bytes=peak, current_bytes=current)
    pool = memory.Pool(SimpleNamespace(allocation_counts=counts), keeps)
    monkeypatch.setitem(memory._POOLS, 0, pool)
    assert memory.free_bytes() == memory.free_outside_pool() + unused


def test_a_gpu_that_is_not_there_is_refused(standins, monkeypatch):
    from fastdup_gpu.gpu.backend import GpuBackend

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    with pytest.raises(InvalidArgument, match=r"device=1 .*CUDA_VISIBLE_DEVICES=3.* from 0 to 0\."):
        GpuBackend(device=1)


def test_any_thread_works_on_the_device_that_was_chosen(standins, monkeypatch):
    """A thread begins on device 0; here each remembers the one that it was put on."""
    current = threading.local()
    runtime = standins.cuda.runtime
    monkeypatch.setattr(runtime, "getDeviceCount", lambda: 3)
    monkeypatch.setattr(runtime, "getDevice", lambda: getattr(current, "device", 0))
    monkeypatch.setitem(memory._POOLS, 2, memory._POOLS[0])

    def device(number):
        return SimpleNamespace(use=lambda: setattr(current, "device", number))

    monkeypatch.setattr(standins.cuda, "Device", device)
    backend = GpuBackend(device=2)
    base, rows = clustered(60, 4), np.arange(3)
    index = backend.build_index(base, SearchPlan())
    work = {
        "search": lambda: index.search(base, 3),
        "build_index": lambda: backend.build_index(base, SearchPlan()),
        "components": lambda: backend.components(4, rows, rows + 1),
        "pagerank": lambda: backend.pagerank(4, rows, rows + 1, np.ones(3)),
        "kmeans": lambda: backend.kmeans(base, clusters=2, iterations=1, nearest=1, seed=0),
    }
    for name, call in work.items():
        with ThreadPoolExecutor(1) as pool:
            pool.submit(call).result()
            assert pool.submit(runtime.getDevice).result() == 2, name
