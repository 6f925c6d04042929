"""Encoded pictures of every way through the decoder, good and bad."""

from __future__ import annotations

import io

from making import photo
from PIL import Image

from fastdup_gpu.protocol import Encoded


def encoded(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


JPEG = encoded(photo(1), quality=90)


def with_orientation(image: Image.Image, value: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = value
    return encoded(image, quality=92, exif=exif)


def missing() -> bytes:
    raise FileNotFoundError(2, "No such file or directory")


def mixed() -> list[Encoded]:
    loads = [
        lambda: JPEG,
        lambda: encoded(photo(5, 300, 260), "PNG"),
        missing,
        lambda: with_orientation(photo(6, 260, 300), 8),
        lambda: b"",
        lambda: JPEG[: len(JPEG) // 2] + b"\xff\xd9",
        lambda: encoded(photo(7, 90, 400)),
        lambda: encoded(photo(8, 500, 300).convert("CMYK")),
        lambda: b"junk" * 99,
        lambda: encoded(photo(9, 230, 240).convert("L")),
    ]
    return [Encoded(10 + i, load) for i, load in enumerate(loads)]
