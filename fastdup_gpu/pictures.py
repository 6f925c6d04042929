"""Encoded bytes -> pixels, for any format; the format is detected from the content.

libjpeg-turbo (simplejpeg) decodes JPEG, Pillow everything else, and OpenCV what Pillow does not
know. An image that libjpeg-turbo finds incomplete is passed to Pillow, which distinguishes a
missing end marker from missing rows.
"""

from __future__ import annotations

import contextlib
import io
import logging
import re
import sys
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import simplejpeg
from PIL import Image, ImageOps, UnidentifiedImageError

from fastdup_gpu._process_wide import ProcessWide, pillow_unwarned
from fastdup_gpu.other_formats import plain, stated_size, unread
from fastdup_gpu.png_chunks import MAGIC, pixels_only
from fastdup_gpu.protocol import MIN_SIDE, U8, PixelPlan, Refused, Status

# Raster formats only: EPS and WMF run other programs; videos and fonts are not images.
_RASTER = (
    "JPEG PNG GIF BMP DIB TIFF WEBP HEIF AVIF JPEG2000 PPM ICO CUR ICNS TGA PCX SGI SUN "
    "PSD DDS QOI XBM XPM FITS PCD"
).split()
_ORIENTATION = 0x0112
_SWAPS_SIDES = (5, 6, 7, 8)
_END = b"\xff\xd9"
_HEADERS = 1 << 20  # bytes; a large colour profile may precede the EXIF block
_STRIP = 1 << 22  # pixels
_OF_16_BITS = re.compile(";16[BLN]")  # in Pillow's names of layouts
_WIDE = 16  # times the memory of a byte: float64, and what is computed from it
# The largest value of cameras and scanners that fill only a part of 16 bits.
_DEEPEST = (1 << 14) - 1
_PILLOW = logging.getLogger("PIL")
_SILENT = 0  # of OpenCV's log levels


@contextlib.contextmanager
def _silenced() -> Iterator[None]:
    logs = getattr(cv2.utils, "logging", cv2)  # before OpenCV 4.13 in cv2 itself
    with contextlib.ExitStack() as before:
        before.callback(cv2.setNumThreads, cv2.getNumThreads())
        before.callback(logs.setLogLevel, logs.getLogLevel())
        before.callback(_PILLOW.setLevel, _PILLOW.level)
        before.enter_context(pillow_unwarned)
        _PILLOW.setLevel(logging.CRITICAL)
        cv2.setNumThreads(1)
        logs.setLogLevel(_SILENT)
        yield


# Inside this context OpenCV stays on the calling thread, because the pool of a backend is the only
# source of parallelism, and neither OpenCV nor Pillow writes to stderr: problems with an image go
# to the list of bad files.
quiet = ProcessWide(_silenced)


def _register_heif() -> bool:
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True


HAS_HEIF = _register_heif()
Image.init()  # loads the plug-ins, so that any of them may be in a list of formats
PILLOW_FORMATS = [name for name in _RASTER if name in Image.OPEN]


def read_picture(data: bytes, plan: PixelPlan) -> U8:
    """Pixels u8[h, w, 3] in BGR, with EXIF orientation applied; raises Refused."""
    check_bytes(len(data), plan)
    if data[:2] == b"\xff\xd8":
        pixels = _read_jpeg(data, plan)
        if pixels is not None:
            return pixels
    return _read_any(data, plan)


def _read_jpeg(data: bytes, plan: PixelPlan) -> U8 | None:
    """None if Pillow should try instead."""
    try:
        height, width, colors, _ = simplejpeg.decode_jpeg_header(data, strict=False)
    except Exception:  # simplejpeg raises errors of several kinds on bad headers
        return None
    check_size(width, height, plan)
    if colors in ("CMYK", "YCCK"):
        return None
    pixels = _decode_complete(data)
    if pixels is None and not data.endswith(_END):
        # A file that lacks only its end marker is complete with one.
        pixels = _decode_complete(data + _END)
    return None if pixels is None else _turn(pixels, _jpeg_orientation(data))


def _decode_complete(data: bytes) -> U8 | None:
    """None if libjpeg-turbo finds data missing."""
    try:
        pixels: U8 = simplejpeg.decode_jpeg(data, "BGR", strict=True)
    except MemoryError:
        raise
    except Exception:  # as above
        return None
    return pixels


def _jpeg_orientation(data: bytes) -> int:
    if data.find(b"Exif\0", 0, _HEADERS) < 0:
        return 1
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # a damaged EXIF block says nothing about the image
        return 1


def _turn(pixels: U8, orientation: int) -> U8:
    if orientation in _SWAPS_SIDES:
        pixels = np.ascontiguousarray(pixels.transpose(1, 0, 2))
    flip = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    if flip is None:
        return pixels
    turned: U8 = cv2.flip(pixels, flip).astype(np.uint8, copy=False)
    return turned


def _read_any(data: bytes, plan: PixelPlan) -> U8:
    try:
        return _read_with_pillow(data, plan)
    except (Refused, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise Refused(Status.TOO_LARGE, str(error)) from error
    except UnidentifiedImageError:
        return _read_with_opencv(data, plan)
    except Exception as error:  # Pillow's plug-ins raise errors of every kind on bad input
        raise Refused(Status.CORRUPT, f"{type(error).__name__}: {error}") from error


def _read_with_pillow(data: bytes, plan: PixelPlan) -> U8:
    try:
        return _load(data, plan)
    except (UnidentifiedImageError, ValueError, SyntaxError):
        if not data.startswith(MAGIC) or (bare := pixels_only(data)) == data:
            raise
    return _load(bare, plan)


def _load(data: bytes, plan: PixelPlan) -> U8:
    with Image.open(io.BytesIO(data), formats=PILLOW_FORMATS) as image:
        check_size(*image.size, plan)
        of_16_bits = any(_OF_16_BITS.search(str(tile[3])) for tile in image.tile)
        bgr = pixels_of(image)
        if of_16_bits and bgr.max() <= _DEEPEST >> 8 and _orientation(image) == 1:
            return _stretched(data, bgr)
        return bgr


def pixels_of(image: Image.Image) -> U8:
    """Pixels u8[h, w, 3] in BGR of an image of Pillow, with EXIF orientation applied."""
    return _to_bgr(_upright(image))


def _upright(image: Image.Image) -> Image.Image:
    image.load()
    return ImageOps.exif_transpose(image) if 2 <= _orientation(image) <= 8 else image


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # as above: a damaged EXIF block does not matter
        return 1


def _to_bgr(image: Image.Image) -> U8:
    if image.mode in ("I;16", "I;16B", "I;16L", "I;16N", "I", "F"):
        grey = _to_8_bit(np.asarray(image))
        return np.repeat(grey[:, :, None], 3, axis=2)
    bgr = np.empty((image.height, image.width, 3), np.uint8)
    for rows in _strips(image.width, image.height):
        whole = len(bgr[rows]) == len(bgr)
        strip = image if whole else image.crop((0, rows.start, image.width, rows.stop))
        strip = strip.convert("LA") if strip.mode == "La" else strip  # Pillow has no direct way
        rgb = strip if strip.mode == "RGB" else strip.convert("RGB")
        bgr[rows] = np.asarray(rgb)[:, :, ::-1]
    return bgr


def _strips(width: int, height: int) -> Iterator[slice]:
    """Ranges of rows to convert at a time: copies of a whole large image take several times its
    memory."""
    step = max(1, _STRIP // width)
    for top in range(0, height, step):
        yield slice(top, min(top + step, height))


def _stretched(data: bytes, high_bytes: U8) -> U8:
    """A colour image of 16 bits that leaves the highest ones empty, of which Pillow gives only the
    `high_bytes`; it gives the others as the high bytes of the other byte order."""
    try:
        with Image.open(io.BytesIO(data), formats=PILLOW_FORMATS) as image:
            image.tile = [tile._replace(args=_in_other_order(tile.args)) for tile in image.tile]
            image.load()
            whole = high_bytes.astype(np.uint16) << 8 | _to_bgr(image)
    except Exception:  # Pillow does not know the other order of every format
        return high_bytes
    return _to_8_bit(whole)


def _in_other_order(args: Any) -> Any:
    """The arguments of a decoder of Pillow, which begin with the name of the layout."""
    if isinstance(args, tuple):
        return (_in_other_order(args[0]), *args[1:])
    native = "B" if sys.byteorder == "little" else "L"
    layout, order = args[:-1], args[-1]
    return layout + {"B": "L", "L": "B", "N": native}[order]


def _to_8_bit(values: np.ndarray[tuple[int, ...], np.dtype[Any]]) -> U8:
    """u8 of wider integers or floats, see docs/formats.md."""
    known = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    least, peak = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    scale, shift = _levels(values.dtype.kind, least, peak)
    out = np.empty(values.shape, np.uint8)
    for rows in _strips(_WIDE * values[0].size, values.shape[0]):
        some = np.nan_to_num(values[rows].astype(np.float64))
        out[rows] = np.clip(np.floor(some * scale + shift), 0, 255)
    return out


def _levels(kind: str, least: float, peak: float) -> tuple[float, float]:
    """Factor and summand that make 0 to 255 of values from `least` to `peak`."""
    if kind == "f" and least >= 0 and peak <= 255:
        return (255.0 if peak <= 1 else 1.0), 0.0
    if kind != "f" and _DEEPEST < peak <= 65535 and least >= 0:
        return 1 / 256, 0.0  # the high byte
    scale = 255 / (peak - least) if peak > least else 0.0
    return scale, 0.5 - least * scale if scale else 0.0


def _read_with_opencv(data: bytes, plan: PixelPlan) -> U8:
    """Read formats that only OpenCV knows (Radiance HDR, PFM, Sun raster, ...)."""
    if _looks_like_heif(data) and not HAS_HEIF:
        raise Refused(Status.UNSUPPORTED, "HEIC/HEIF needs: pip install 'fastdup-gpu[heif]'")
    if name := unread(data):
        raise Refused(Status.UNSUPPORTED, f"the content is {name}, which is not supported")
    size = stated_size(data)
    if size is None:
        raise Refused(Status.CORRUPT, f"not a known image format; starts with {data[:8]!r}")
    check_size(*size, plan)
    try:
        pixels = cv2.imdecode(np.frombuffer(plain(data), np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise Refused(Status.CORRUPT, f"OpenCV: {error.err}") from error
    if pixels is None:
        raise Refused(Status.CORRUPT, f"damaged or of unknown format; starts with {data[:8]!r}")
    check_size(pixels.shape[1], pixels.shape[0], plan)
    read: U8 = pixels.astype(np.uint8, copy=False)
    return read


def _looks_like_heif(data: bytes) -> bool:
    return data[4:8] == b"ftyp" and data[8:12] in (b"heic", b"heix", b"mif1", b"msf1", b"hevc")


def check_bytes(size: int, plan: PixelPlan) -> None:
    """Raise Refused for an empty file, or one of fewer bytes than plan.min_file_size."""
    if not size:
        raise Refused(Status.ZERO_SIZE, "the file is empty")
    if size < plan.min_file_size:
        raise Refused(Status.FILE_TOO_SMALL, f"{size} bytes, min_file_size is {plan.min_file_size}")


def check_size(width: int, height: int, plan: PixelPlan) -> None:
    """Raise Refused if a side is under 10 pixels or the header states over plan.max_pixels."""
    if width < MIN_SIDE or height < MIN_SIDE:
        raise Refused(Status.TOO_SMALL, f"{width}x{height} pixels, at least 10x10 are needed")
    if width * height > plan.max_pixels:
        most = f"{width}x{height} pixels, more than the limit of {plan.max_pixels}"
        raise Refused(Status.TOO_LARGE, most, width * height)
