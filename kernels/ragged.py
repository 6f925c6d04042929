"""Batches of images of different sizes, in the form that the kernels read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastdup_gpu._errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class Ragged:
    """A batch of n RGB images in device memory, uint8 HWC.

    `pointers`, `heights`, `widths`, `pitches`: i64[n] device arrays; address of the first pixel,
    size in pixels, bytes from one row to the next. `sizes`: (height, width) of each, on the host.
    `owners` keeps the images' memory alive.
    """

    pointers: Any
    heights: Any
    widths: Any
    pitches: Any
    sizes: Sequence[tuple[int, int]] = ()
    owners: Sequence[Any] = ()

    def __len__(self) -> int:
        return len(self.pointers)


def ragged(pictures: Sequence[Any]) -> Ragged:
    """Describe device arrays u8[h, w, 3] of any library (rows may be padded); one small copy to
    the device, ordered before whatever follows on CuPy's current stream.

    They are read through `__cuda_array_interface__`, without waiting for its stream: they have to
    be complete, or made on the current stream. Raises InvalidArgument for an array of another
    dtype or shape, an empty one, or one whose pixels within a row are not contiguous.
    """
    import cupy

    rows = [_described(i, picture) for i, picture in enumerate(pictures)]
    table = np.array(rows, np.int64).reshape(-1, 4).T
    pointers, heights, widths, pitches = cupy.asarray(np.ascontiguousarray(table))
    sizes = [row[1:3] for row in rows]
    return Ragged(pointers, heights, widths, pitches, sizes, tuple(pictures))


def _described(i: int, picture: Any) -> tuple[int, int, int, int]:
    """(address, height, width, pitch)."""
    about = picture.__cuda_array_interface__
    shape, kind = about["shape"], about["typestr"]
    strides: Sequence[int] = about.get("strides") or _packed(shape)
    fits = kind == "|u1" and len(shape) == 3 and shape[2] == 3 and 0 not in shape
    if not fits or strides[0] < 3 * shape[1] or tuple(strides[1:]) != (3, 1):
        raise InvalidArgument(
            f"image {i} is {kind}{list(shape)} with strides {list(strides)}; expected "
            "uint8 [h, w, 3] with 3 bytes per pixel. Convert it with cupy.ascontiguousarray."
        )
    return about["data"][0], shape[0], shape[1], strides[0]


def _packed(shape: Sequence[int]) -> Sequence[int]:
    """The strides of an array without gaps, which the interface may leave out."""
    return (3 * shape[1], 3, 1) if len(shape) == 3 else ()
