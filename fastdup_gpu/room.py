"""A budget for large images: how many of their pixels all threads together hold decoded."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from fastdup_gpu.pictures import read_picture
from fastdup_gpu.protocol import U8, PixelPlan, Refused

# Larger images share `_room`; otherwise every thread could hold one.
_LARGE = 16_000_000


class _Room:
    """The number of pixels of large images that all threads together may hold decoded."""

    def __init__(self, pixels: int) -> None:
        self._all = self._free = pixels
        self._changed = threading.Condition()

    @contextmanager
    def take(self, pixels: int) -> Iterator[None]:
        """Wait for room; an image larger than the whole budget gets all of it."""
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
    """Wait for room for an image of `pixels` pixels if it is large, and hold it until the block
    ends."""
    if pixels <= _LARGE:
        yield
        return
    with _room.take(pixels):
        yield


@contextmanager
def unpacked(data: bytes, plan: PixelPlan) -> Iterator[U8]:
    """Pixels u8[h, w, 3] in BGR, see `pictures.read_picture`; raises Refused. A large image waits
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
