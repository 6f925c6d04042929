"""Small work_dirs written by hand, and what tests ask of files."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

HOSTILE = [
    os.fsdecode(name)
    for name in (
        b"-rf.jpg",
        b"two\nlines.jpg",
        b"not utf-8 \xff\xfe.jpg",
        b'it\'s "quoted", $(touch x) `y` ; z.jpg',
        b"%s {0} \\n.jpg",
        b"\xc3\xbc n\xc3\xaf.jpg",
        b".hidden.jpg",
        b" space.jpg ",
        b"=1+1.jpg",
    )
]


def picture(path: Path, seed: int = 0, size: tuple[int, int] = (24, 16)) -> str:
    """A PNG of noise under whatever name; its path as text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(pixels).save(path, "PNG")
    return str(path)


def write_csv(path: Path, header: str, rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header.split(","))
        writer.writerows(rows)


def work_dir(
    folder: Path,
    components: Mapping[str, int],
    *,
    similarity: float = 0.99,
    features: np.ndarray | None = None,
    edges: Sequence[tuple[str, str, float]] = (),
    distance: str = "cosine",
) -> Path:
    """The files of a run over existing pictures, each with the component it is in."""
    folder.mkdir(parents=True, exist_ok=True)
    names = list(components)
    matrix = np.eye(len(names), dtype="<f4") if features is None else features.astype("<f4")
    matrix.tofile(folder / "atrain_features.dat")
    write_csv(folder / "atrain_features.dat.csv", "index,filename", list(enumerate(names)))
    sizes = list(components.values())
    rows = [
        (i, c, sizes.count(c) if sizes.count(c) > 1 else 0, similarity, similarity, similarity)
        for i, c in enumerate(sizes)
    ]
    header = "__id,component_id,count,mean_distance,min_distance,max_distance"
    write_csv(folder / "connected_components.csv", header, rows)
    write_stats(folder, names)
    write_csv(folder / "similarity.csv", "from,to,distance", edges)
    (folder / "config.json").write_text(json.dumps({"distance": distance}))
    return folder


def write_stats(folder: Path, names: Sequence[str]) -> None:
    """Sizes as they are now, `mean` = the number of the row, `blur` its reverse."""
    rows = []
    for i, name in enumerate(names):
        there = Path(name).is_file()
        width, height = Image.open(name).size if there else (9, 9)
        size = Path(name).stat().st_size if there else 9
        rows.append((i, name, width, height, i, len(names) - i, i, 0, 255, 1, size, 1))
    header = "index,filename,width,height,unique,blur,mean,min,max,stdv,file_size,contrast"
    write_csv(folder / "atrain_stats.csv", header, rows)


def tree(folder: Path) -> dict[str, bytes | str]:
    """Every file below a folder with its bytes, links with where they lead; without the trash."""
    found: dict[str, bytes | str] = {}
    for path in sorted(folder.rglob("*")):
        if ".fastdup-trash" in path.parts or (path.is_dir() and not path.is_symlink()):
            continue
        content = f"-> {path.readlink()}" if path.is_symlink() else path.read_bytes()
        found[str(path.relative_to(folder))] = content
    return found


def logs(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*undo.jsonl"))
