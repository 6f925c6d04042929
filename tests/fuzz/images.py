"""Encoded pictures of each format, by both ways that read them, and EXIF blocks."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from making import photo
from PIL import Image
from pixels import encode

from fastdup_gpu._process_wide import pillow_unwarned
from fastdup_gpu.protocol import PixelPlan, Refused
from fastdup_gpu.shrink import shrink
from fastdup_gpu.sources.pixels import upright
from fuzz import seeds
from fuzz.target import Target

# Small, so that pictures that claim to be large are refused early, and those that are not show.
_PLAN = PixelPlan(32, 32, max_pixels=4_000_000)
_PILLOW = {
    "jpeg": ("JPEG", b"\xff\xd8"),
    "png": ("PNG", b"\x89PNG"),
    "gif": ("GIF", b"GIF8"),
    "bmp": ("BMP", b"BM"),
    "tiff": ("TIFF", b"II*\0"),
    "webp": ("WEBP", b"RIFF"),
    "jpeg2000": ("JPEG2000", b"\0\0\0\x0cjP"),
    "heif": ("HEIF", b"ftypheic"),
    "avif": ("AVIF", b"ftypavif"),
}
_REST = "ICO ICNS TGA PCX SGI PPM DDS QOI XBM DIB".split()
_OPENCV = (".hdr", ".pfm", ".ras", ".pam", ".pgm")
_TIFF_PACKED = ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "group4", "jpeg")


def _read(data: bytes, _: Path) -> None:
    shrink(data, _PLAN)


def _crop(data: bytes, _: Path) -> None:
    with pillow_unwarned, upright(data):
        pass


def _image() -> Image.Image:
    return photo(3, 40, 30)


def _written(kind: str) -> list[bytes]:
    made = []
    options: list[dict[str, object]] = [{}]
    if kind == "JPEG":
        options += [{"progressive": True}, {"restart_marker_blocks": 2}]
    if kind == "TIFF":
        options = [{"compression": name} for name in _TIFF_PACKED]
    if kind in ("GIF", "WEBP", "PNG", "TIFF"):
        options += [{"save_all": True, "append_images": [photo(4, 40, 30)]}]
    for mode in ("RGB", "L", "P", "RGBA", "1", "CMYK", "I;16"):
        for chosen in options:
            try:
                made.append(encode(_image().convert("L").convert(mode), kind, **chosen))
            except (OSError, ValueError, KeyError, TypeError):
                continue  # the format has no such mode
    if kind in ("PNG", "TIFF"):  # 10 bits of colour in 16, which Pillow cannot write
        deep = np.asarray(_image().convert("RGB")).astype(np.uint16) << 2
        made.append(cv2.imencode(f".{kind.lower()}", deep)[1].tobytes())
    return made


def _seeds(kind: str, magic: bytes) -> Callable[[], list[bytes]]:
    def found() -> list[bytes]:
        return _written(kind) + [d for d in seeds.ugly().values() if magic in d[:32]]

    return found


def _other_formats() -> list[bytes]:
    known = tuple(magic for _, magic in _PILLOW.values())
    ugly = [d for d in seeds.ugly().values() if not any(m in d[:32] for m in known)]
    return [data for kind in _REST for data in _written(kind)] + ugly


def _opencv_formats() -> list[bytes]:
    made, rgb = [], np.asarray(_image())
    for suffix in _OPENCV:
        array = rgb.astype(np.float32) if suffix in (".hdr", ".pfm") else rgb
        array = array[:, :, 0] if suffix == ".pgm" else array
        good, data = cv2.imencode(suffix, array)
        made += [data.tobytes()] if good else []
    return made


def _exif_seeds() -> list[bytes]:
    entries = struct.pack("<HHII", 0x112, 3, 1, 6) + struct.pack("<HHII", 0x11A, 5, 1, 60)
    return [b"II*\0\x08\0\0\0" + struct.pack("<H", 2) + entries + b"\0" * 40, _image_exif()]


def _image_exif() -> bytes:
    exif = Image.Exif()
    exif[0x112] = 5
    exif[0x10F] = "maker" * 9
    exif.get_ifd(0x8769)[0x9003] = "2020:01:01 00:00:00"
    return exif.tobytes()[6:]


def _exif(data: bytes, folder: Path) -> None:
    for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
        stream = io.BytesIO()
        options = {} if kind == "TIFF" else {"exif": b"Exif\0\0" + data[:60_000]}
        _image().save(stream, kind, **options)
        _read(stream.getvalue(), folder)
        _crop(stream.getvalue(), folder)


def targets() -> list[Target]:
    """Targets of this family."""
    made = []
    for name, (kind, magic) in _PILLOW.items():
        made.append(Target(name, _seeds(kind, magic), _read, errors=(Refused,), memory=200))
    other = (Refused,)
    return [
        *made,
        Target("pictures.other", _other_formats, _read, (b"P6\n", b"P7\n", b"#?"), other, 200),
        Target("pictures.opencv", _opencv_formats, _read, (b"P7\n", b"PF\n"), other, 200),
        Target("pictures.crop", _other_formats, _crop, (b"P6\n",), (), 1500),
        Target("exif", _exif_seeds, _exif, (b"Exif\0\0", b"MM\0*"), other),
    ]
