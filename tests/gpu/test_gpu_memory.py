from __future__ import annotations

import logging

import pytest

from fastdup_gpu._errors import InvalidArgument
from fastdup_gpu.gpu import memory


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
    ],
)
def test_too_little_memory_is_known_by_each_library(error):
    assert memory.is_out_of_memory(error)


@pytest.mark.parametrize("error", [ValueError("k is too large"), RuntimeError("no kernel image")])
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


def test_a_gpu_that_is_not_there_is_refused(standins, monkeypatch):
    from fastdup_gpu.gpu.backend import GpuBackend

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    with pytest.raises(InvalidArgument, match=r"device=1 .*CUDA_VISIBLE_DEVICES=3.* 0 \.\. 0"):
        GpuBackend(device=1)
