"""Device choice, one memory pool for all libraries, and work that shrinks if memory runs out."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from fastdup_gpu._errors import InvalidArgument
from fastdup_gpu.gpu import devices

_LOG = logging.getLogger("fastdup_gpu")
_NO_MEMORY = re.compile(
    r"out.of.memory|bad_?alloc|alloc(ation)?_failed|cudaErrorMemoryAllocation|failed to allocate"
    r"|CUDA Runtime failure:? '#2'",
    re.IGNORECASE,
)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pool:
    """RMM's pool of a device, which has to outlive everything that was allocated from it; `keeps`:
    bytes that it keeps while they are unused."""

    resource: Any
    keeps: int


_POOLS: dict[int, Pool] = {}


def open_device(device: int) -> int:
    """Make GPU `device` (counted as CUDA_VISIBLE_DEVICES shows them) the current one.

    CuPy, cuVS and cuGraph then take their memory from one RMM pool on it. Several visible GPUs
    are reported in one INFO line. Raises InvalidArgument if there is no GPU with that number.
    """
    import cupy

    count = int(cupy.cuda.runtime.getDeviceCount())
    if not 0 <= device < count:
        raise InvalidArgument(
            f"device={device} was given, but the number of visible GPUs is {count} "
            f"(CUDA_VISIBLE_DEVICES={os.environ.get('CUDA_VISIBLE_DEVICES', 'not set')}); expected "
            f"a number from 0 to {count - 1}."
        )
    devices.use(device)
    if device not in _POOLS:
        _POOLS[device] = _open_pool(device)
        if count > 1:
            _LOG.info("%d GPUs are visible; number %d is used", count, device)
    return device


def _open_pool(device: int) -> Pool:
    import cupy
    import rmm
    from rmm.allocators.cupy import rmm_cupy_allocator

    keeps = free_outside_pool() // 2  # the rest goes back for libraries that do not use the pool
    source = rmm.mr.CudaAsyncMemoryResource(release_threshold=keeps)
    resource = rmm.mr.StatisticsResourceAdaptor(source)
    rmm.mr.set_per_device_resource(device, resource)
    cupy.cuda.set_allocator(rmm_cupy_allocator)
    return Pool(resource, keeps)


def free_bytes() -> int:
    """Bytes of the current device that are available, including those unused in the pool."""
    import cupy

    pool = _POOLS.get(cupy.cuda.runtime.getDevice())
    if pool is None:
        return free_outside_pool()
    counts = pool.resource.allocation_counts
    unused = min(int(counts.peak_bytes), pool.keeps) - int(counts.current_bytes)
    return free_outside_pool() + max(0, unused)


def free_outside_pool() -> int:
    """Bytes of the current device for libraries that do not allocate from the RMM pool:
    nvImageCodec and the engines of models."""
    import cupy

    free, _ = cupy.cuda.runtime.memGetInfo()
    return int(free)


def rows_that_fit(row_bytes: int, share: float, most: int) -> int:
    """How many rows of `row_bytes` take `share` of the free memory, from 1 to `most`."""
    return max(1, min(most, int(free_bytes() * share) // max(1, row_bytes)))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of CuPy, RMM, cuVS, cuGraph, nvImageCodec, cuBLAS, cuDNN or onnxruntime
    means too little memory."""
    return isinstance(error, MemoryError) or bool(_NO_MEMORY.search(str(error)))


def halving(n: int, size: int, work: Callable[[slice], T]) -> Iterator[tuple[slice, T]]:
    """`work` on slices of `size` out of n rows, in order, with what each returned.

    If memory runs out, the slice is tried again at half its size, which later slices keep; a
    slice of one row that fails raises.
    """
    start, size = 0, max(1, min(size, n))
    while start < n:
        part = slice(start, min(start + size, n))
        try:
            done = work(part)
        except Exception as error:  # each library has errors of its own for this
            if part.stop - part.start == 1 or not is_out_of_memory(error):
                raise
            size = (part.stop - part.start + 1) // 2
            _LOG.info("GPU memory ran out: %d rows at a time from here on", size)
            continue
        yield part, done
        start = part.stop
