"""Pictures and runs that tests make for themselves."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image

import fastdup_gpu

TEXT = {"encoding": "utf-8", "errors": "surrogateescape", "newline": ""}


def photo(seed: int, width: int = 120, height: int = 90) -> Image.Image:
    """A smooth random picture, another one for every seed."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (5, 7, 3), np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), float)
    grain = rng.normal(0, 6, smooth.shape)
    return Image.fromarray(np.clip(smooth + grain, 0, 255).astype(np.uint8))


def photos(folder: Path, count: int, *, first: int = 0) -> list[Path]:
    """`count` different JPEGs in `folder`, named so that they sort in order of seed."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{seed:04d}.jpg" for seed in range(first, first + count)]
    for path in paths:
        photo(int(path.stem)).save(path, quality=90)
    return paths


def run(pictures: object, work_dir: Path, **arguments: object) -> int:
    """fastdup_gpu.run with paths."""
    given = str(pictures) if isinstance(pictures, Path) else pictures
    return fastdup_gpu.run(given, str(work_dir), **arguments)  # type: ignore[arg-type]


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a csv as dicts of text."""
    with path.open(**TEXT) as stream:  # type: ignore[call-overload]
        return list(csv.DictReader(stream))


def header(path: Path) -> str:
    """The first line of a file as it stands."""
    return path.read_bytes().split(b"\n", 1)[0].decode()


def features(work_dir: Path, kind: str = "atrain") -> np.ndarray:
    """The stored features, read as the format says."""
    n = len(rows(work_dir / f"{kind}_features.dat.csv"))
    return np.fromfile(work_dir / f"{kind}_features.dat", "<f4").reshape(n, -1)


def contents(work_dir: Path) -> dict[str, bytes]:
    """All result files of a run but config.json, which holds timings."""
    return {
        p.name: p.read_bytes()
        for p in sorted(work_dir.iterdir())
        if p.is_file() and p.name != "config.json"
    }
