"""A budget for large images: how many of their pixels all threads together hold decoded."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from fastdup_gpu.pictures import read_picture
from fastdup_gpu.protocol import U8, PixelPlan, Refused

# Larger images share `_budget`; otherwise every thread could hold one.
_LARGE = 16_000_000


class _Budget:
    """The number of pixels of large images that all threads together may hold decoded."""

    def __init__(self, pixels: int) -> None:
        self._all = self._free = pixels
        self._changed = threading.Condition()

    @contextmanager
    def take(self, pixels: int) -> Iterator[None]:
        """Wait for `pixels` of the budget; an image larger than all of it gets all of it."""
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


_budget = _Budget(180_000_000)


@contextmanager
def reserved(pixels: int) -> Iterator[None]:
    """Hold the part of the budget that a large image of `pixels` pixels needs, which may have to
    be waited for, until the block ends."""
    if pixels <= _LARGE:
        yield
        return
    with _budget.take(pixels):
        yield


@contextmanager
def unpacked(data: bytes, plan: PixelPlan) -> Iterator[U8]:
    """Pixels u8[h, w, 3] in BGR, see `pictures.read_picture`; raises Refused. For a large
    image, `reserved` before it is decoded and until the block ends."""
    try:
        pixels = read_picture(data, replace(plan, max_pixels=min(plan.max_pixels, _LARGE)))
    except Refused as refused:
        if refused.pixels <= _LARGE:
            raise
        claimed = refused.pixels if refused.pixels <= plan.max_pixels else 0
    else:
        yield pixels
        return
    with reserved(claimed):
        yield read_picture(data, plan)
