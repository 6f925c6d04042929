"""Antialiased area resize: each output pixel is the mean of the rectangle it covers."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fastdup_gpu.protocol import F32, U8

# From this many pixels on, summing rows first is faster than OpenCV over uneven rectangles: it took
# half the time at 2 million pixels and a fifth at 12 million.
_LARGE = 1_500_000
# Up to this many pixels, OpenCV resizes uneven rectangles faster in float32 than in bytes, copy
# included: it took four fifths of the time at 70,000 pixels, nine tenths at 300,000, and more time
# above a million. The sums are the same.
_SMALL = 500_000


def resize_area(pixels: U8, height: int, width: int) -> U8:
    """u8[height, width, 3] of u8[h, w, 3]; rounded once, half to even."""
    h, w = pixels.shape[:2]
    if h < height or w < width:
        return _bytes(np.rint(_with_growing_axes(pixels.astype(np.float32), height, width)))
    if h % height == w % width == 0 or _SMALL < h * w < _LARGE:
        return _bytes(_resized(pixels, height, width))
    if h * w <= _SMALL:
        return _bytes(np.rint(_resized(pixels.astype(np.float32), height, width)))
    sums = _row_sums(pixels.reshape(h, -1), height).reshape(height, w, 3)
    return _bytes(np.rint(_resized(sums, height, width) * np.float32(height / h)))


def _resized(pixels: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    resized: NDArray[Any] = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    return resized


def _with_growing_axes(pixels: F32, height: int, width: int) -> F32:
    """Resize axis by axis: if one axis grows, OpenCV's INTER_AREA does not average the other."""
    h, w = pixels.shape[:2]
    smaller = (min(h, height), min(w, width))
    if smaller != (h, w):
        pixels = _floats(_resized(pixels, *smaller))
    if h < height:
        pixels = _grown(pixels, height)
    return pixels if w >= width else _grown(pixels.swapaxes(0, 1), width).swapaxes(0, 1)


def _grown(pixels: F32, height: int) -> F32:
    """f32[height, ...] of f32[h, ...]: a cell covers parts of one or two rows."""
    begin = np.arange(height) * len(pixels)
    first = begin // height
    second = np.minimum(first + 1, len(pixels) - 1)
    beyond = np.maximum(begin + len(pixels) - (first + 1) * height, 0) / len(pixels)
    share = beyond.astype(np.float32)[:, None, None]
    grown: F32 = pixels[first] * (1 - share) + pixels[second] * share
    return grown


def _row_sums(rows: U8, height: int) -> F32:
    """f32[height, m]: the sums of `height` equal shares of the rows u8[h, m].

    A share is the sum of whole rows, plus its part of the row at its end, minus the part of the row
    at its start that belongs to the share before.
    """
    edges = np.arange(height + 1) * len(rows)
    first, part = edges // height, (edges % height / height).astype(np.float32)
    sums = np.empty((height, rows.shape[1]), np.float32)
    for i, (begin, end) in enumerate(pairwise(first)):
        whole = rows[begin:end]
        cv2.reduce(whole, 0, cv2.REDUCE_SUM, dst=sums[i : i + 1], dtype=cv2.CV_32F)
    cut = rows[first[1:-1]] * part[1:-1, None]
    sums[:-1] += cut
    sums[1:] -= cut
    return sums


def _bytes(pixels: NDArray[Any]) -> U8:
    return pixels.astype(np.uint8, copy=False)


def _floats(pixels: NDArray[Any]) -> F32:
    return pixels.astype(np.float32, copy=False)
