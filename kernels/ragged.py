"""Pictures of different sizes as the kernels read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastdup_gpu._errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class Ragged:
    """A batch of n RGB pictures in device memory, uint8 HWC.

    `pointers`, `heights`, `widths`, `pitches`: i64[n] device arrays; address of the first pixel,
    size in pixels, bytes from one row to the next. `owners` keeps the pictures' memory alive.
    """

    pointers: Any
    heights: Any
    widths: Any
    pitches: Any
    owners: Sequence[Any] = ()

    def __len__(self) -> int:
        return len(self.pointers)


def ragged(pictures: Sequence[Any]) -> Ragged:
    """Describe CuPy arrays u8[h, w, 3] (rows may be padded); one small copy to the device.

    Raises InvalidArgument for an array of another dtype or shape, an empty one, or one whose
    pixels within a row do not touch.
    """
    import cupy

    table = np.empty((4, len(pictures)), np.int64)
    for i, picture in enumerate(pictures):
        _require_picture(i, picture)
        height, width, _ = picture.shape
        table[:, i] = picture.data.ptr, height, width, picture.strides[0]
    pointers, heights, widths, pitches = cupy.asarray(table)
    return Ragged(pointers, heights, widths, pitches, tuple(pictures))


def _require_picture(i: int, picture: Any) -> None:
    shape, strides = picture.shape, picture.strides
    fits = picture.dtype == np.uint8 and len(shape) == 3 and shape[2] == 3 and 0 not in shape
    if not fits or strides[1:] != (3, 1) or strides[0] < 3 * shape[1]:
        raise InvalidArgument(
            f"picture {i} is {picture.dtype}{list(shape)} with strides {list(strides)}; expected "
            "uint8[h, w, 3] with 3 bytes a pixel. Convert it with cupy.ascontiguousarray."
        )
