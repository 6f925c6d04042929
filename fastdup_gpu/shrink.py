"""Encoded bytes -> the two small versions of an image, by libraries for the CPU."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from fastdup_gpu.area import resize_area
from fastdup_gpu.pixel_budget import unpacked
from fastdup_gpu.protocol import I64, STATS_SIDE, U8, Outcome, PixelPlan, Refused, Status


@dataclass(frozen=True, slots=True)
class Shrunk:
    """`model` u8[H, W, 3] RGB; `stats` u8[h, w, 3] BGR, at most 224 x 224; `width` and `height` of
    the whole image in pixels, after EXIF orientation."""

    model: U8
    stats: U8
    width: int
    height: int


def shrink(data: bytes, plan: PixelPlan) -> Shrunk:
    """Decode and resize to both sizes on the calling thread; raises Refused."""
    with unpacked(data, plan) as pixels:
        return _both(pixels, plan)


def _both(pixels: U8, plan: PixelPlan) -> Shrunk:
    height, width = pixels.shape[:2]
    area = resize_area(pixels, plan.model_height, plan.model_width)
    model = cv2.cvtColor(area, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
    return Shrunk(model, nearest_224(pixels), width, height)


UNUSABLE = (Refused, OSError, MemoryError)
"""What reading and shrinking raise for an image that is left out."""


def outcome_of(error: Exception, index: int, size: int = -1) -> Outcome:
    """The Outcome of image `index` for an error in UNUSABLE; `size` in bytes, -1 if unknown."""
    if isinstance(error, Refused):
        return Outcome(index, error.status, 0, 0, size, error.detail)
    if isinstance(error, OSError):
        status = Status.MISSING if isinstance(error, FileNotFoundError) else Status.UNREADABLE
        return Outcome(index, status, detail=error.strerror or str(error))
    return Outcome(index, Status.TOO_LARGE, 0, 0, size, "not enough memory")


_CENTRES = 2 * np.arange(STATS_SIDE) + 1


def nearest_224(pixels: U8) -> U8:
    """u8[224, 224, 3] by exact nearest neighbour: source x = floor((2i+1) * w / 448).

    An image under 224 on both sides is not changed. Whole rows are picked, then whole rows of the
    transposed image, in half the time of a map of single pixels. cv2.INTER_NEAREST_EXACT is not
    used, because releases of OpenCV differ where a centre falls between two pixels.
    """
    height, width = pixels.shape[:2]
    if height < STATS_SIDE and width < STATS_SIDE:
        return pixels
    columns = cv2.transpose(pixels.take(_sources(height), axis=0))
    small: U8 = cv2.transpose(columns.take(_sources(width), axis=0))
    return small


def _sources(side: int) -> I64:
    """i64[224]: the source row or column for each row or column of the result."""
    sources: I64 = _CENTRES * side // (2 * STATS_SIDE)
    return sources
