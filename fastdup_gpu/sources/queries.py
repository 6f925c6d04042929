"""An image to search for: a file, or an image that the caller already has."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from fastdup_gpu._arguments import path_text
from fastdup_gpu._errors import InvalidArgument
from fastdup_gpu.pictures import pixels_of
from fastdup_gpu.sources.by_name import read_by_name

NAMELESS = "query"


def named_bytes(img: Any) -> tuple[str, Callable[[], bytes]]:
    """The name of an image, NAMELESS if it has none, and a function that gives its encoded bytes.

    `img`: a path or the name of an image in a result file, the bytes of an encoded image, a Pillow
    image, or u8[h, w, 3] in RGB or u8[h, w]. Raises InvalidArgument for anything else.
    """
    if isinstance(img, bytes | bytearray | memoryview):
        data = bytes(img)
        return NAMELESS, lambda: data
    if isinstance(img, np.ndarray):
        is_grey, is_rgb = img.ndim == 2, img.ndim == 3 and img.shape[2] == 3
        if img.dtype != np.uint8 or not img.size or not (is_grey or is_rgb):
            raise InvalidArgument(
                f"img is an array of {img.dtype} of shape {img.shape}; expected uint8 of shape "
                "(height, width, 3) in RGB, or (height, width)"
            )
        img = Image.fromarray(img)
    if isinstance(img, Image.Image):
        png = _png(img)
        return NAMELESS, lambda: png
    name = path_text("img", img)
    return name, lambda: read_by_name(name)


def _png(image: Image.Image) -> bytes:
    if not image.width * image.height:
        raise InvalidArgument(f"img has {image.width}x{image.height} pixels; expected an image")
    made = io.BytesIO()
    rgb = np.ascontiguousarray(pixels_of(image)[:, :, ::-1])
    Image.fromarray(rgb).save(made, "PNG", compress_level=1)
    return made.getvalue()
