"""Several batches in flight: the host reads ahead, each lane is a thread with a stream."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from fastdup_gpu.gpu.ready import Ready, make_ready
from fastdup_gpu.protocol import Encoded, Extracted, PixelPlan

LANES = 3
# Batches that wait for a lane: enough that none runs dry, few enough to hold little memory.
_AHEAD = 3

Work = Callable[[Sequence[Ready]], Extracted]


def in_lanes(
    batches: Iterable[Sequence[Encoded]],
    plan: PixelPlan,
    threads: int,
    device: int,
    work: Work,
) -> Iterator[Extracted]:
    """`work` on every batch, results in order; `threads` of the host load, vet and decode.

    `work` runs with the device and a stream of its thread's own as CuPy's current ones.
    """
    local = threading.local()

    def one(waiting: Sequence[Future[Ready]]) -> Extracted:
        import cupy

        ready = [future.result() for future in waiting]
        if not hasattr(local, "stream"):
            cupy.cuda.Device(device).use()
            local.stream = cupy.cuda.Stream(non_blocking=True)
        with local.stream:
            return work(ready)

    pending: deque[Future[Extracted]] = deque()
    with (
        ThreadPoolExecutor(threads, thread_name_prefix="read") as readers,
        ThreadPoolExecutor(LANES, thread_name_prefix="lane") as lanes,
    ):
        try:
            for encoded in batches:
                waiting = [readers.submit(make_ready, item, plan) for item in encoded]
                pending.append(lanes.submit(one, waiting))
                if len(pending) >= LANES + _AHEAD:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            readers.shutdown(wait=False, cancel_futures=True)
            for future in pending:
                future.cancel()
