"""Room for large pictures: how many pixels of them all threads together hold unpacked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from fastdup_gpu.pictures import read_picture
from fastdup_gpu.protocol import U8, PixelPlan, Refused

# Larger pictures share `_room`, so that memory is not bounded by one of them a thread.
_LARGE = 16_000_000


class _Room:
    """How many pixels of large pictures all threads together may hold unpacked."""

    def __init__(self, pixels: int) -> None:
        self._all = self._free = pixels
        self._changed = threading.Condition()

    @contextmanager
    def take(self, pixels: int) -> Iterator[None]:
        """Wait for room; a picture that is larger than all of it has it alone."""
        pixels = min(pixels, self._all)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= pixels)
            self._free -= pixels
        try:
            yield
        finally:
            with self._changed:
                self._free += pixels
                self._changed.notify_all()


_room = _Room(180_000_000)


@contextmanager
def room_for(pixels: int) -> Iterator[None]:
    """Wait for room for a picture of so many pixels if it is a large one, and hold it until the
    block ends."""
    if pixels <= _LARGE:
        yield
        return
    with _room.take(pixels):
        yield


@contextmanager
def unpacked(data: bytes, plan: PixelPlan) -> Iterator[U8]:
    """Pixels u8[h, w, 3] in BGR, see `pictures.read_picture`; raises Refused. A large picture waits
    for room before it is decoded, and holds it until the block ends."""
    try:
        pixels = read_picture(data, replace(plan, max_pixels=min(plan.max_pixels, _LARGE)))
    except Refused as refused:
        if refused.pixels <= _LARGE:
            raise
        claimed = refused.pixels if refused.pixels <= plan.max_pixels else 0
    else:
        yield pixels
        return
    with room_for(claimed):
        yield read_picture(data, plan)
