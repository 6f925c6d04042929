"""A small collection of generated images: duplicates, look-alikes, outliers and broken files."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance
from PIL.Image import Resampling

_SIZE = (400, 300)
Painter = Callable[[np.random.Generator], Image.Image]


def make_pictures(work_dir: str | Path) -> Path:
    """Write the sample to work_dir/pictures and return that folder; it is the same every time."""
    folder = Path(work_dir) / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(7)
    for number in range(12):
        painter = _PAINTERS[number % len(_PAINTERS)]
        _write_family(folder, f"{painter.__name__[1:]}_{number:02d}", painter(rng), number)
    for painter in _STRANGERS:
        painter(rng).save(folder / f"stranger{painter.__name__}.png")
    (folder / "broken.jpg").write_bytes((folder / "rings_00.jpg").read_bytes()[:2000])
    (folder / "empty.jpg").write_bytes(b"")
    Image.new("RGB", (6, 6), "red").save(folder / "tiny.png")
    return folder


def _write_family(folder: Path, name: str, picture: Image.Image, number: int) -> None:
    """Write one image, and up to four edited copies of it."""
    original = folder / f"{name}.jpg"
    picture.save(original, quality=92)
    if number % 3 == 0:
        shutil.copyfile(original, folder / f"{name}_copy.jpg")
    if number % 2 == 0:
        picture.resize((200, 150), Resampling.LANCZOS).save(folder / f"{name}_small.jpg")
        picture.save(folder / f"{name}_resaved.jpg", quality=40)
    if number % 4 == 1:
        ImageEnhance.Brightness(picture).enhance(1.2).save(folder / f"{name}_brighter.png")


def _rings(rng: np.random.Generator) -> Image.Image:
    y, x = np.mgrid[: _SIZE[1], : _SIZE[0]].astype(float)
    cx, cy = rng.uniform(80, 320), rng.uniform(60, 240)
    wave = np.sin(np.hypot(x - cx, y - cy) / rng.uniform(5, 20))
    return _tint(wave, rng)


def _hills(rng: np.random.Generator) -> Image.Image:
    picture = Image.new("RGB", _SIZE, tuple(int(v) for v in rng.integers(120, 255, 3)))
    draw = ImageDraw.Draw(picture)
    draw.ellipse([270, 30, 330, 90], fill=(255, 220, 90))
    x = np.arange(_SIZE[0])
    for level in (150, 200, 245):
        ridge = level + 25 * np.sin(x / rng.uniform(20, 60) + rng.uniform(0, 6))
        outline = [(0, 300), *zip(x.tolist(), ridge.tolist(), strict=True), (400, 300)]
        draw.polygon(outline, fill=tuple(int(v) for v in rng.integers(20, 160, 3)))
    return picture


def _blocks(rng: np.random.Generator) -> Image.Image:
    picture = Image.new("RGB", _SIZE, "white")
    draw = ImageDraw.Draw(picture)
    for _ in range(14):
        x, y = rng.integers(0, 330), rng.integers(0, 240)
        w, h = rng.integers(30, 140), rng.integers(30, 100)
        color = tuple(int(v) for v in rng.integers(0, 256, 3))
        draw.rectangle(
            [int(x), int(y), int(x + w), int(y + h)], fill=color, outline="black", width=2
        )
    return picture


def _plasma(rng: np.random.Generator) -> Image.Image:
    y, x = np.mgrid[: _SIZE[1], : _SIZE[0]].astype(float)
    a, b, c = rng.uniform(15, 60, 3)
    return _tint(np.sin(x / a) + np.sin(y / b) + np.sin((x + y) / c), rng)


def _noise(rng: np.random.Generator) -> Image.Image:
    return Image.fromarray(rng.integers(0, 256, (240, 240, 3), np.uint8))


def _page(rng: np.random.Generator) -> Image.Image:
    picture = Image.new("RGB", _SIZE, "white")
    draw = ImageDraw.Draw(picture)
    for y in range(20, 280, 14):
        words = rng.integers(2, 9, 12)
        line = " ".join("".join(chr(97 + int(c)) for c in rng.integers(0, 26, n)) for n in words)
        draw.text((20, y), line, fill="black")
    return picture


def _checker(rng: np.random.Generator) -> Image.Image:
    y, x = np.mgrid[: _SIZE[1], : _SIZE[0]]
    return Image.fromarray(np.uint8(255 * ((x // 25 + y // 25) % 2))).convert("RGB")


def _tint(
    values: np.ndarray[tuple[int, ...], np.dtype[np.float64]], rng: np.random.Generator
) -> Image.Image:
    low, high = rng.integers(0, 90, 3), rng.integers(150, 256, 3)
    share = (values - values.min()) / np.ptp(values)
    return Image.fromarray((low + share[..., None] * (high - low)).astype(np.uint8))


_PAINTERS: tuple[Painter, ...] = (_rings, _hills, _blocks, _plasma)
_STRANGERS: tuple[Painter, ...] = (_noise, _page, _checker)
