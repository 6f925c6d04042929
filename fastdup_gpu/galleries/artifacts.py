"""The files of save_artifacts: the table behind a page, and copies of its images."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from fastdup_gpu.formats import names
from fastdup_gpu.formats.files import replacing, write_csv
from fastdup_gpu.galleries.album import Album

_OURS = re.compile(r"(\d{6,}|[0-9a-f]{24})(\.\w{1,7})?", re.ASCII)


def save(folder: Path, album: Album, table: Any) -> None:
    """Write `results.csv`, `images.csv` (name in the run, file here) and `images/` to `folder`.

    `table` is a DataFrame, whose lists are written as JSON, or None. An image that cannot be
    read has an empty file name.
    """
    place = folder / "images"
    make_place(place)
    (folder / "images.csv").unlink(missing_ok=True)  # it would list other images if interrupted now
    if table is not None:
        rows = zip(*(map(_cell, table[column].tolist()) for column in table), strict=True)
        write_csv(folder / "results.csv", [str(column) for column in table], rows)
    copies = [(name, _copy(i, name, place, album)) for i, name in enumerate(album.names)]
    drop_others(place, {Path(copy).name for _, copy in copies})
    write_csv(folder / "images.csv", ("filename", "copy"), copies)


def make_place(place: Path) -> None:
    """Create a folder for images of a page, which no run takes as input."""
    place.mkdir(parents=True, exist_ok=True)
    (place / names.GALLERY_MARK).touch()


def drop_others(place: Path, kept: set[str]) -> None:
    """Remove the images of an earlier call that this one has not written."""
    for old in place.iterdir():
        if _OURS.fullmatch(old.name) and old.name not in kept:
            old.unlink()


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | tuple) else value


def _copy(index: int, name: str, place: Path, album: Album) -> str:
    try:
        content = album.read(name)
    except (OSError, ValueError):
        return ""
    ending = Path(name).suffix[:8]
    safe = ending if ending[1:].isalnum() and ending.isascii() else ""
    target = place / f"{index:06d}{safe}"
    with replacing(target, "wb", durable=False) as stream:
        stream.write(content)
    return f"images/{target.name}"
