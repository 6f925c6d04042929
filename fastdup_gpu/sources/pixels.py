"""Bytes to an upright RGB picture, for cutting crops out of it."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 300_000_000
# Left out on purpose: EPS and WMF run other programs.
_RASTER = (
    "JPEG PNG GIF BMP DIB TIFF WEBP HEIF AVIF JPEG2000 PPM ICO CUR ICNS TGA PCX SGI SUN "
    "PSD DDS QOI XBM XPM"
).split()


@contextlib.contextmanager
def relaxed_limits() -> Iterator[None]:
    """Let Pillow read up to MAX_PIXELS without warnings, as the decoding of whole pictures does.

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

    Pillow first, because it tells a cut-off file from a whole one; OpenCV for deep greys, which
    Pillow would clip to white, and for what Pillow does not know.
    """
    from PIL import Image, UnidentifiedImageError

    if not data:
        return "the file is empty"
    Image.init()
    known = [name for name in _RASTER if name in Image.OPEN]
    try:
        with Image.open(io.BytesIO(data), formats=known) as image:
            if image.mode in ("I", "F") or image.mode.startswith("I;"):
                return _read_with_opencv(data)
            image.load()
            return _turned(image).convert("RGB")
    except UnidentifiedImageError:
        return _read_with_opencv(data)
    except Exception as error:  # Pillow's plug-ins raise errors of every kind on bad input
        return f"{type(error).__name__}: {error}"


def _turned(image: Image.Image) -> Image.Image:
    from PIL import ImageOps

    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # a damaged EXIF block says nothing about the pixels
        return image


def _read_with_opencv(data: bytes) -> Image.Image | str:
    import numpy as np
    from PIL import Image

    unknown = f"no known picture format, it starts with {data[:8]!r}"
    try:
        import cv2

        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except ImportError:
        return unknown + "; more formats are known with: pip install 'fastdup-gpu[cpu]'"
    except cv2.error as error:
        return f"{unknown}; OpenCV: {error.err}"
    return unknown if pixels is None else Image.fromarray(np.ascontiguousarray(pixels[:, :, ::-1]))
