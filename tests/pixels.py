"""Pictures as arrays, and their encoded bytes."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image

from fastdup_gpu.protocol import U8, Encoded, PixelPlan

SIDE = 32
PLAN = PixelPlan(SIDE, SIDE)


def natural(height: int, width: int, seed: int = 0) -> U8:
    """RGB: a smooth gradient with discs and fine noise, another one for every seed."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    planes = [
        128 + 80 * np.sin((x + c) / rng.uniform(20, 60)) * np.cos(y / rng.uniform(20, 60))
        for c in range(3)
    ]
    picture = np.stack(planes, -1)
    for _ in range(8):
        cy, cx = rng.uniform(0, height), rng.uniform(0, width)
        radius = rng.uniform(0.05, 0.25) * max(height, width)
        picture[(y - cy) ** 2 + (x - cx) ** 2 < radius**2] = rng.uniform(0, 255, 3)
    return np.clip(picture + rng.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)


def smooth(height: int, width: int) -> U8:
    """RGB without a fine structure, which lossy formats keep; no two corners look alike."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [40 + 170 * x / width, 40 + 170 * y / height, 200 - 150 * x * y / (width * height)]
    return np.stack(planes, -1).astype(np.uint8)


def encode(pixels: U8 | Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """The bytes of a file."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def as_encoded(files: list[bytes]) -> list[Encoded]:
    """What a source would give."""
    return [Encoded(i, lambda data=data: data) for i, data in enumerate(files)]


def png(width: int, height: int, packed: bytes, *, depth: int = 8, colour: int = 2) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", packed), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks
    )


def overlaps(source: int, target: int) -> np.ndarray:
    """Share of each source cell in each target cell, rows of sum 1."""
    edges = np.arange(target + 1) * source / target
    low, high = edges[:-1, None], edges[1:, None]
    cells = np.arange(source)
    shared = np.clip(np.minimum(high, cells + 1) - np.maximum(low, cells), 0, None)
    return shared / shared.sum(1, keepdims=True)


def area(picture: np.ndarray) -> np.ndarray:
    """The mean of the source pixels under each of SIDE x SIDE cells, float64."""
    rows, columns = (overlaps(side, SIDE) for side in picture.shape[:2])
    picked = np.tensordot(rows, picture.astype(np.float64), (1, 0))
    return np.tensordot(picked, columns, (1, 1)).transpose(0, 2, 1)
