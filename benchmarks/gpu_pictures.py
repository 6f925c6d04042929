"""JPEGs for the acceptance run, made on the machine that runs it."""

from __future__ import annotations

import functools
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import simplejpeg

_SIDES = (500, 400)
_COPIES = 10  # one picture in so many is a copy of the one before
_FIELDS = 3


def make_pictures(folder: Path, count: int, colors: str = "420") -> float:
    """`count` JPEGs of about 500 x 400 named by number, those that are there already kept;
    returns their mean size in bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    make = functools.partial(_make, folder, colors)
    with ProcessPoolExecutor() as pool:
        sizes = list(pool.map(make, range(count), chunksize=128))
    return sum(sizes) / count


def encoded(number: int, colors: str = "420") -> bytes:
    """JPEG `number`: the same bytes every time. `colors`: their subsampling, "420" as 98 % of the
    colour photos in five public collections have it, or "444"."""
    if number % _COPIES == _COPIES - 1:
        number -= 1
    rng = np.random.default_rng(number)
    width, height = (int(side * rng.uniform(0.8, 1.2)) for side in _SIDES)
    field = _field(number % _FIELDS)
    y, x = (int(rng.integers(0, field.shape[i] - side)) for i, side in ((0, height), (1, width)))
    crop = field[y : y + height, x : x + width]
    turned = crop[:: rng.choice([-1, 1]), :: rng.choice([-1, 1])]
    gain, shift = rng.uniform(0.6, 1.2, 3), rng.uniform(-20, 20, 3)
    toned = turned * gain.astype(np.float32) + shift.astype(np.float32)
    pixels = np.clip(toned, 0, 255).astype(np.uint8)
    data: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(pixels), quality=90, colorsubsampling=colors
    )
    return data


@functools.cache
def _field(number: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """A large smooth picture with grain, which pictures are cut from."""
    rng = np.random.default_rng(10**9 + number)
    total = np.zeros((1600, 2000, 3), np.float32)
    for cells in (5, 20, 80, 400):
        coarse = rng.uniform(-1, 1, (1600 // (1600 // cells) + 1, cells + 1, 3))
        rows = np.arange(1600) * cells // 1600
        columns = np.arange(2000) * cells // 2000
        total += (coarse[rows][:, columns] * 160 / cells**0.4).astype(np.float32)
    total += rng.normal(0, 1.5, total.shape).astype(np.float32)
    return np.clip(total + 128, 0, 255)


def _make(folder: Path, colors: str, number: int) -> int:
    path = folder / f"{number:06d}.jpg"
    if not path.exists():
        half = path.with_suffix(".part")
        half.write_bytes(encoded(number, colors))
        half.replace(path)
    return path.stat().st_size
