"""Antialiased area resize of a ragged batch."""

from __future__ import annotations

from typing import Any

from . import load
from .ragged import Ragged


def area_resize(pictures: Ragged, height: int, width: int, out: Any = None) -> Any:
    """Every image as u8[n, height, width, 3] by area averaging.

    Formula: out[y, x] = round_half_up(sum(wy * wx * in) / (h * w)), where wy and wx are the exact
    overlaps of the output cell with the source cells, in integers, whether a side shrinks or grows.
    Shapes: n images of any size up to 16 M columns -> u8[n, height, width, 3] (`out`, or a new
    array).
    Launch: one thread per output pixel, blocks of 256; a warp reads neighbouring source columns.
    Stream: CuPy's current one; returns at once, the caller synchronises.
    Tolerance: within 1 of 255 of cv2.resize(INTER_AREA), which rounds its weights, if both sides
    shrink.
    """
    import cupy

    n = len(pictures)
    if out is None:
        out = cupy.empty((n, height, width, 3), cupy.uint8)
    load.require("out", out, "uint8", (n, height, width, 3))
    ragged = (pictures.pointers, pictures.heights, pictures.widths, pictures.pitches)
    load.launch(load.kernel("area_resize"), n * height * width, (*ragged, out, n, height, width))
    return out
