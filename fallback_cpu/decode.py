"""Batches of decoded pictures: both pixel sizes made from one decode."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import cv2
import numpy as np

from fastdup_gpu.fallback_cpu.pictures import Refused, read_picture
from fastdup_gpu.protocol import STATS_SIDE, U8, Encoded, Outcome, PixelPlan, Status

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


@dataclass(frozen=True, slots=True)
class CpuBatch:
    """`stats_pixels`: u8[h, w, 3] BGR each, at most 224 x 224; `model_pixels`: u8[n, H, W, 3]
    RGB; both only of pictures that are OK, in the order of `outcomes`."""

    outcomes: Sequence[Outcome]
    stats_pixels: Sequence[U8]
    model_pixels: U8


def decode(encoded: Sequence[Encoded], plan: PixelPlan) -> CpuBatch:
    """Decode one batch on the calling thread; a bad picture costs only itself."""
    outcomes: list[Outcome] = []
    stats_pixels: list[U8] = []
    model_pixels = np.empty((len(encoded), plan.model_height, plan.model_width, 3), np.uint8)
    for item in encoded:
        outcome, small = _decode_one(item, plan, model_pixels[len(stats_pixels)])
        outcomes.append(outcome)
        if small is not None:
            stats_pixels.append(small)
    return CpuBatch(outcomes, stats_pixels, model_pixels[: len(stats_pixels)])


def _decode_one(item: Encoded, plan: PixelPlan, out: U8) -> tuple[Outcome, U8 | None]:
    size = -1
    try:
        data = item.load()
        size = len(data)
        return _resize_both(item.index, data, plan, out)
    except Refused as refused:
        return Outcome(item.index, refused.status, 0, 0, size, refused.detail), None
    except FileNotFoundError as error:
        return Outcome(item.index, Status.MISSING, detail=_reason(error)), None
    except OSError as error:
        return Outcome(item.index, Status.UNREADABLE, detail=_reason(error)), None
    except MemoryError:
        return Outcome(item.index, Status.TOO_LARGE, 0, 0, size, "not enough memory"), None


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def _resize_both(index: int, data: bytes, plan: PixelPlan, out: U8) -> tuple[Outcome, U8]:
    try:
        pixels = read_picture(data, replace(plan, max_pixels=min(plan.max_pixels, _LARGE)))
    except Refused as refused:
        if not _LARGE < refused.pixels <= plan.max_pixels:
            raise
        with _room.take(refused.pixels):
            return _shrink(index, read_picture(data, plan), len(data), plan, out)
    return _shrink(index, pixels, len(data), plan, out)


def _shrink(index: int, pixels: U8, size: int, plan: PixelPlan, out: U8) -> tuple[Outcome, U8]:
    height, width = pixels.shape[:2]
    shape = (plan.model_width, plan.model_height)
    area = cv2.resize(pixels, shape, interpolation=cv2.INTER_AREA)
    cv2.cvtColor(area, cv2.COLOR_BGR2RGB, dst=out)
    return Outcome(index, Status.OK, width, height, size), nearest_224(pixels)


_CENTRES = 2 * np.arange(STATS_SIDE) + 1


def nearest_224(pixels: U8) -> U8:
    """u8[224, 224, 3] by exact nearest neighbour: source x = floor((2i+1) * w / 448).

    A picture under 224 on both sides stays as it is. Indexing, not cv2.INTER_NEAREST_EXACT:
    where a centre falls between two pixels, releases of OpenCV differ.
    """
    height, width = pixels.shape[:2]
    if height < STATS_SIDE and width < STATS_SIDE:
        return pixels
    rows, columns = (_CENTRES * side // (2 * STATS_SIDE) for side in (height, width))
    small: U8 = pixels.reshape(-1, 3).take(rows[:, None] * width + columns, axis=0)
    return small
