"""Decodes bytes to an upright RGB image, for crops and thumbnails, and reads image headers."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image, ImageOps, UnidentifiedImageError

from fastdup_gpu.other_formats import HEADER, stated_size
from fastdup_gpu.protocol import PixelPlan, Refused

_ORIENTATION = 0x0112
# Formats read by Pillow alone, if the packages for the others are missing.
_PLAIN = "JPEG PNG GIF BMP DIB TIFF WEBP PPM".split()


@contextlib.contextmanager
def upright(data: bytes) -> Iterator[Image.Image | str]:
    """The image in RGB with EXIF orientation applied, or why it cannot be read.

    It is decoded as in a run, see fastdup_gpu.pixel_budget; by Pillow alone if the packages for
    that are not installed.
    """
    try:
        from fastdup_gpu.pixel_budget import unpacked
    except ImportError:
        yield _read_with_pillow(data)
        return
    with contextlib.ExitStack() as stack:
        found: Image.Image | str
        try:
            pixels = stack.enter_context(unpacked(data, PixelPlan(0, 0)))
            found = Image.fromarray(pixels[:, :, ::-1].copy())
        except Refused as refused:
            found = refused.detail
        except MemoryError:
            found = "not enough memory for its pixels"
        yield found


@contextlib.contextmanager
def reserved(pixels: int) -> Iterator[None]:
    """Reserve pixels for an image that is decoded in the block, see fastdup_gpu.pixel_budget; does
    nothing if only Pillow is installed."""
    try:
        from fastdup_gpu import pixel_budget
    except ImportError:
        yield
        return
    with pixel_budget.reserved(pixels):
        yield


@dataclass(frozen=True, slots=True)
class Header:
    """Width and height of an image as a viewer shows it, and Pillow's name of its format, '' if
    OpenCV reads it."""

    width: int
    height: int
    format: str


def read_header(stream: BinaryIO) -> Header | str:
    """Read the header of an image without decoding; returns why if that fails."""
    try:
        from fastdup_gpu.pictures import PILLOW_FORMATS as known
    except ImportError:
        known = _PLAIN
    try:
        with Image.open(stream, formats=known) as image:
            width, height = image.size[::-1] if is_turned(image) else image.size
            return Header(width, height, str(image.format))
    except UnidentifiedImageError as error:
        stream.seek(0)
        size = stated_size(stream.read(HEADER))
        return Header(*size, "") if size else f"{type(error).__name__}: {error}"
    except Exception as error:  # Pillow's plug-ins raise errors of every kind on bad input
        return f"{type(error).__name__}: {error}"


def is_turned(image: Image.Image) -> bool:
    """Whether the EXIF orientation exchanges width and height."""
    try:
        return image.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
    except Exception:  # a damaged EXIF block says nothing about the image
        return False


def _read_with_pillow(data: bytes) -> Image.Image | str:
    try:
        with Image.open(io.BytesIO(data), formats=_PLAIN) as image:
            image.load()
            return ImageOps.exif_transpose(image).convert("RGB")
    except Exception as error:  # Pillow's plug-ins raise errors of every kind on bad input
        install = "for more formats: pip install 'fastdup-gpu[cpu]'"
        return f"{type(error).__name__}: {error}; {install}"
