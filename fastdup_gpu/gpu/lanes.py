"""Several batches in flight: the host reads ahead, and each lane is a thread with a stream."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from fastdup_gpu._ordered import in_order
from fastdup_gpu.gpu import devices
from fastdup_gpu.gpu.readers import Part, Readers
from fastdup_gpu.gpu.ready import Ready
from fastdup_gpu.protocol import Encoded, Extracted, PixelPlan

LANES = 3
# Batches that wait for a lane: enough to keep all lanes busy, few enough to need little memory.
_AHEAD = 3
# Bytes of encoded images, on the host, for which fewer batches are taken.
_MOST_BYTES = 2 << 30
# Images passed to a reading thread at a time: passing on costs as much Python time as an image.
_CHUNK = 32

Work = Callable[[Sequence[Ready]], Extracted]


def in_lanes(
    batches: Iterable[Sequence[Encoded]],
    plan: PixelPlan,
    threads: int,
    device: int,
    prepare: Callable[[], None],
    work: Work,
) -> Iterator[Extracted]:
    """`work` on every batch, results in order; `threads` of the host load, vet and decode.

    `work` runs with the device and its thread's own stream as CuPy's current ones, and has
    synchronised that stream when it returns. So does `prepare`, which runs once per thread first.
    """
    local = threading.local()
    size = 0  # bytes of the batch that was read last

    def one(waiting: Sequence[Future[Part]]) -> Extracted:
        import cupy

        nonlocal size
        if not hasattr(local, "stream"):
            devices.use(device)
            local.stream = cupy.cuda.Stream(non_blocking=True)
            with local.stream:
                prepare()
        parts = [future.result() for future in waiting]
        ready = [one for part in parts for one in part.ready]
        size = sum(len(one.data) for one in ready)
        try:
            with local.stream:
                return work(ready)
        finally:
            for part in parts:
                part.done()

    with (
        Readers(threads, plan) as readers,
        ThreadPoolExecutor(LANES, thread_name_prefix="lane") as lanes,
    ):

        def submit(encoded: Sequence[Encoded]) -> Future[Extracted]:
            parts = [encoded[i : i + _CHUNK] for i in range(0, len(encoded), _CHUNK)]
            return lanes.submit(one, [readers.submit(part) for part in parts])

        try:
            yield from in_order(submit, batches, lambda: _batches_in_flight(size))
        finally:
            readers.stop()


def _batches_in_flight(size: int) -> int:
    """How many batches of `size` bytes are taken, 0 = unknown; two of any size."""
    if not size:
        return LANES
    return max(2, min(LANES + _AHEAD, _MOST_BYTES // size))
