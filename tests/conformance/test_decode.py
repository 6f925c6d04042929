"""Pixels of single files, whatever their format."""

from __future__ import annotations

import io
import zlib

import numpy as np
import pytest
import tolerances
from PIL import Image
from pixels import PLAN, area, as_encoded, encode, png, smooth

from fastdup_gpu.formats.names import PIXEL_STATS

ORIENTATION = 0x0112


SIZES = [(375, 500), (640, 480), (33, 40), (32, 32), (64, 320), (1000, 33), (20, 20), (10, 31)]
SIZES += [(20, 900), (1000, 12), (31, 33)]  # one side grows, the other shrinks
SIZES += [(1501, 2802), (4096, 1025), (70000, 61), (3200, 1600)]  # summed in two steps, or not


@pytest.mark.parametrize("size", SIZES)
def test_the_model_sees_the_area_mean(seen, size):
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    (got,) = seen(encode(picture, compress_level=1))
    assert np.abs(got - area(picture)).max() <= tolerances.AREA_LEVEL


SIDES = [224, 225, 256, 257, 300, 320, 333, 384, 448, 512, 640, 1024, 1280, 1920]


@pytest.mark.parametrize("size", [*zip(SIDES, reversed(SIDES), strict=True), (12, 70000)])
def test_statistics_see_exactly_the_nearest_pixels(backend, size):
    """Of noise one wrong row or column changes the mean by far more than rounding does."""
    height, width = size
    noise = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
    i = np.arange(224)
    expected = noise[(2 * i + 1) * height // 448][:, (2 * i + 1) * width // 448]
    batch = backend.decode(as_encoded([encode(noise, compress_level=1)]), PLAN)
    (row,) = backend.pixel_stats(batch, advanced=False)
    got = dict(zip(PIXEL_STATS, row, strict=True))
    assert got["mean"] == pytest.approx(expected.mean(), rel=1e-6)
    assert got["stdv"] == pytest.approx(expected.std((0, 1)).mean(), rel=1e-6)


SHOWN = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2),
    6: lambda p: np.rot90(p, -1),
    7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
    8: np.rot90,
}
"""What a viewer makes of stored pixels, by EXIF orientation."""
STORED = {**SHOWN, 6: SHOWN[8], 8: SHOWN[6]}
"""The inverse."""

KINDS = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "PNG": {},
    "WEBP": {"lossless": True},
    "TIFF": {},
    "TIFF compressed": {"compression": "tiff_lzw"},
    "JPEG, large profile first": {"quality": 95, "icc_profile": bytes(100_000)},
    "AVIF": {"quality": 95},
}


def turned(picture: np.ndarray, kind: str, orientation: int) -> bytes:
    """A file of `picture`, stored turned, that says how to turn it back."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    stored = np.ascontiguousarray(STORED.get(orientation, STORED[1])(picture))
    data = encode(stored, kind.split(",")[0].split()[0], exif=exif, **KINDS[kind])
    return exif_last(data) if kind.endswith("profile first") else data


def exif_last(jpeg: bytes) -> bytes:
    """The EXIF block of a JPEG moved behind its colour profile."""
    segments, at = [], 2
    while jpeg[at + 1] >= 0xE0 and jpeg[at + 1] <= 0xEF:
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        segments.append(jpeg[at:end])
        at = end
    segments.sort(key=lambda s: s[4:8] == b"Exif")
    assert b"".join(segments).index(b"Exif\0") > 65536
    return jpeg[:2] + b"".join(segments) + jpeg[at:]


@pytest.mark.parametrize("orientation", SHOWN)
@pytest.mark.parametrize("kind", KINDS)
def test_exif_orientation_is_heeded(backend, seen, kind, orientation):
    upright = smooth(60, 90)
    data = turned(upright, kind, orientation)
    (got,) = seen(data)
    assert np.abs(got - area(upright)).mean() <= tolerances.DECODE_MEAN
    (found,) = backend.decode(as_encoded([data]), PLAN).outcomes
    assert (found.width, found.height) == (90, 60)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", [0, 9, 99])
def test_impossible_orientations_turn_nothing(seen, kind, orientation):
    (got,) = seen(turned(smooth(60, 90), kind, orientation))
    assert np.abs(got - area(smooth(60, 90))).mean() <= tolerances.DECODE_MEAN


RGB = smooth(70, 90)
GREY = RGB[..., 0]
WIDE = (GREY.astype(np.uint16) << 8) + 77
BITS = np.kron(np.indices((7, 9)).sum(0) % 2, np.ones((10, 10))).astype(bool)
LEVELS = Image.fromarray(RGB).quantize(64)


def three(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)


def with_alpha(colour: np.ndarray) -> np.ndarray:
    return np.concatenate([colour, np.full((*colour.shape[:2], 1), 200, np.uint8)], axis=2)


def frames(kind: str, **options: object) -> bytes:
    second = Image.fromarray(255 - RGB)
    return encode(Image.fromarray(RGB), kind, save_all=True, append_images=[second], **options)


def deep_rgb(picture: np.ndarray) -> bytes:
    """A PNG of 16 bits a channel; the low bytes differ from the high ones."""
    wide = (picture.astype(">u2") << 8) + 99
    lines = b"".join(b"\0" + line.tobytes() for line in wide.astype(">u2"))
    return png(picture.shape[1], picture.shape[0], zlib.compress(lines), depth=16)


EXACT = {
    "PNG": (encode(RGB), RGB),
    "PNG grey": (encode(GREY), three(GREY)),
    "PNG 16-bit grey": (encode(WIDE), three(GREY)),
    "PNG 16-bit RGB": (deep_rgb(RGB), RGB),
    "PNG palette": (encode(LEVELS), np.asarray(LEVELS.convert("RGB"))),
    "PNG palette with transparency": (
        encode(LEVELS, transparency=5),
        np.asarray(LEVELS.convert("RGB")),
    ),
    "PNG RGBA": (encode(with_alpha(RGB)), RGB),
    "PNG grey and alpha": (
        encode(Image.merge("LA", [Image.fromarray(GREY)] * 2)),
        three(GREY),
    ),
    "PNG 1-bit": (encode(Image.fromarray(BITS)), three(BITS * 255)),
    "TIFF": (encode(RGB, "TIFF"), RGB),
    "TIFF LZW": (encode(RGB, "TIFF", compression="tiff_lzw"), RGB),
    "TIFF 16-bit": (encode(WIDE, "TIFF"), three(GREY)),
    "TIFF float 0..1": (encode(BITS.astype(np.float32), "TIFF"), three(BITS * 255)),
    "TIFF 1-bit fax": (
        encode(Image.fromarray(BITS), "TIFF", compression="group4"),
        three(BITS * 255),
    ),
    "TIFF two pages": (frames("TIFF"), RGB),
    "GIF": (encode(LEVELS, "GIF"), np.asarray(LEVELS.convert("RGB"))),
    "GIF animated": (
        encode(LEVELS, "GIF", save_all=True, append_images=[LEVELS.rotate(180)]),
        np.asarray(LEVELS.convert("RGB")),
    ),
    "PNG animated": (frames("PNG"), RGB),
    "WebP animated": (frames("WEBP", lossless=True), RGB),
    "BMP": (encode(RGB, "BMP"), RGB),
    "BMP palette": (encode(LEVELS, "BMP"), np.asarray(LEVELS.convert("RGB"))),
    "WebP lossless": (encode(RGB, "WEBP", lossless=True), RGB),
    "PPM": (encode(RGB, "PPM"), RGB),
}
LOSSY = {
    "JPEG": (encode(RGB, "JPEG", quality=95), RGB),
    "JPEG progressive": (encode(RGB, "JPEG", quality=95, progressive=True), RGB),
    "JPEG grey": (encode(GREY, "JPEG", quality=95), three(GREY)),
    "JPEG CMYK": (encode(Image.fromarray(RGB).convert("CMYK"), "JPEG", quality=98), RGB),
    "TIFF CMYK": (encode(Image.fromarray(RGB).convert("CMYK"), "TIFF"), RGB),
    "TIFF JPEG": (encode(RGB, "TIFF", compression="jpeg", quality=95), RGB),
    "WebP": (encode(RGB, "WEBP", quality=95), RGB),
    "JPEG 2000": (encode(RGB, "JPEG2000"), RGB),
    "AVIF": (encode(RGB, "AVIF", quality=95), RGB),
}


@pytest.mark.parametrize("name", EXACT)
def test_formats_without_loss(seen, name):
    data, expected = EXACT[name]
    (got,) = seen(data)
    assert np.abs(got - area(expected)).max() <= tolerances.AREA_LEVEL


@pytest.mark.parametrize("name", LOSSY)
def test_formats_with_loss(seen, name):
    data, expected = LOSSY[name]
    (got,) = seen(data)
    assert np.abs(got - area(expected)).mean() <= tolerances.LOSSY_MEAN


def test_lossy_formats_agree_with_another_decoder(seen):
    for data, _ in LOSSY.values():
        (got,) = seen(data)
        other = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        assert np.abs(got - area(other)).mean() <= tolerances.DECODE_MEAN


def test_heic(seen):
    pillow_heif = pytest.importorskip("pillow_heif")
    stream = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(RGB)).save(stream, quality=95)
    (got,) = seen(stream.getvalue())
    assert np.abs(got - area(RGB)).mean() <= tolerances.LOSSY_MEAN
