"""Inputs of the benchmarks, made once and kept in a scratch folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from fastdup_gpu.formats.saving import save_features
from fastdup_gpu.protocol import F32

_BLOCK = 16_384  # rows


def many_pictures(photos: Path, target: Path, count: int) -> Path:
    """`count` different JPEGs of full size made from the photos below `photos`.

    One turn over the photos mirrors them, the next makes them brighter, and so on; every turn
    has its own JPEG quality.
    """
    done = target / ".complete"
    if done.exists():
        return target
    target.mkdir(parents=True, exist_ok=True)
    originals = sorted(p for p in photos.rglob("*.jpg") if p.is_file())
    jobs = [(originals[i % len(originals)], i // len(originals), i) for i in range(count)]
    with ProcessPoolExecutor() as pool:
        for _ in pool.map(_edit, jobs, [target] * count, chunksize=64):
            pass
    done.touch()
    return target


def _edit(job: tuple[Path, int, int], target: Path) -> None:
    original, turn, number = job
    with Image.open(original) as image:
        picture = image.convert("RGB")
    if turn % 2:
        picture = ImageOps.mirror(picture)
    if turn // 2 % 2:
        picture = ImageEnhance.Brightness(picture).enhance(1.15)
    picture.save(target / f"{number:06d}.jpg", quality=92 - 2 * turn)


def stored_vectors(target: Path, n: int, d: int, made: Callable[[int, int], F32]) -> Path:
    """A work_dir with n vectors as stored features."""
    if not (target / "atrain_features.dat.csv").exists():
        save_features(target, [f"{i:07d}.jpg" for i in range(n)], made(n, d))
    return target


def unit_vectors(n: int, d: int) -> F32:
    """f32[n, d] random directions, seeded."""
    return _blocks(n, d, lambda rng, count: rng.standard_normal((count, d), np.float32))


def clustered_vectors(n: int, d: int) -> F32:
    """f32[n, d] unit rows in clusters of some twenty, as features of real pictures are."""
    centres = unit_vectors(max(1, n // 20), d)

    def near(rng: np.random.Generator, count: int) -> F32:
        rows: F32 = centres[rng.integers(0, len(centres), count)]
        rows += 0.02 * rng.standard_normal(rows.shape, np.float32)
        return rows

    return _blocks(n, d, near)


def _blocks(n: int, d: int, made: Callable[[np.random.Generator, int], F32]) -> F32:
    """f32[n, d] rows brought to unit length; each block has a seed of its own, so that the
    machine's cores share the work."""
    x = np.empty((n, d), np.float32)

    def fill(start: int) -> None:
        part = slice(start, min(start + _BLOCK, n))
        rows = made(np.random.default_rng((n, d, start)), part.stop - start)
        x[part] = rows / np.linalg.norm(rows, axis=1, keepdims=True)

    with ThreadPoolExecutor() as pool:
        list(pool.map(fill, range(0, n, _BLOCK)))
    return x


def quantiles(values: Sequence[float]) -> tuple[float, float, float]:
    """p20, p50, p80."""
    low, middle, high = np.quantile(values, (0.2, 0.5, 0.8))
    return float(low), float(middle), float(high)
