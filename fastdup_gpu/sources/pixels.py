"""Bytes to an upright RGB picture, for cutting crops out of it."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastdup_gpu.protocol import PixelPlan, Refused

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 300_000_000
# What Pillow alone may read, where the packages for the rest are missing.
_PLAIN = "JPEG PNG GIF BMP DIB TIFF WEBP PPM".split()


@contextlib.contextmanager
def relaxed_limits() -> Iterator[None]:
    """Let Pillow read up to MAX_PIXELS without warnings.

    Both are settings of the whole process, so this goes around all work, not into threads.
    """
    from PIL import Image

    before = Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2  # it warns above this and refuses above the double
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def read_upright(data: bytes) -> Image.Image | str:
    """The picture in RGB, turned as its EXIF says, or why it cannot be read.

    As whole pictures are read, see fastdup_gpu.pictures; by Pillow alone where the packages for
    that are not installed.
    """
    from PIL import Image

    try:
        from fastdup_gpu import pictures
    except ImportError:
        return _read_with_pillow(data)
    try:
        pixels = pictures.read_picture(data, PixelPlan(0, 0))
    except Refused as refused:
        return refused.detail
    return Image.fromarray(pixels[:, :, ::-1].copy())


def _read_with_pillow(data: bytes) -> Image.Image | str:
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(data), formats=_PLAIN) as image:
            image.load()
            return ImageOps.exif_transpose(image).convert("RGB")
    except Exception as error:  # Pillow's plug-ins raise errors of every kind on bad input
        return f"{type(error).__name__}: {error}; more is read with: pip install 'fastdup-gpu[cpu]'"
