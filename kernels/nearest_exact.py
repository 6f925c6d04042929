"""Exact nearest-neighbour resize of a ragged batch, for the statistics."""

from __future__ import annotations

from typing import Any

from . import load
from .ragged import Ragged


def nearest_exact(
    pictures: Ragged, side: int = 224, out: tuple[Any, Any, Any] | None = None
) -> tuple[Any, Any, Any]:
    """(pixels, heights, widths): every image at side x side, smaller ones unchanged.

    Formula: out[y, x] = in[floor((2y + 1) * h / (2 * side)), floor((2x + 1) * w / (2 * side))];
    an image with both sides under `side` is copied, and the rest of its square is 0.
    Shapes: n images of any size -> u8[n, side, side, 3] and the valid sizes i64[n], i64[n]
    (those of `out`, or new arrays).
    Launch: one thread per output pixel, blocks of 256.
    Stream: CuPy's current one; returns at once, the caller synchronises.
    Tolerance: exact. cv2.INTER_NEAREST_EXACT is the same unless 2 * side divides (2x + 1) * w, when
    the centre lies on the border of two source pixels: there OpenCV takes the first one for some
    x, depending on its version (side 224: widths that are multiples of 64).
    """
    import cupy

    n = len(pictures)
    if out is None:
        sizes = cupy.empty((2, n), cupy.int64)
        out = cupy.empty((n, side, side, 3), cupy.uint8), sizes[0], sizes[1]
    pixels, heights, widths = out
    load.require("out[0]", pixels, "uint8", (n, side, side, 3))
    load.require("out[1]", heights, "int64", (n,))
    load.require("out[2]", widths, "int64", (n,))
    ragged = (pictures.pointers, pictures.heights, pictures.widths, pictures.pitches)
    load.launch(load.kernel("nearest_exact"), n * side * side, (*ragged, *out, n, side))
    return out
