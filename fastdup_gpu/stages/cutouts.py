"""The csv of crops, and the files of crops that no run speaks of any more."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from fastdup_gpu._errors import FormatError
from fastdup_gpu.formats import names
from fastdup_gpu.formats.files import read_csv, write_csv
from fastdup_gpu.sources.base import Crop
from fastdup_gpu.sources.crops import crops_folder

_OURS = re.compile(r"\d{7,}_[A-Za-z0-9._-]*\.jpg")


def write_crops(folder: Path, kind: str, crops: Sequence[Crop], *, detected: bool = False) -> None:
    """List the crops of a run, or nothing where it has none. Those that the run before listed and
    this one does not are removed: they would be taken for pictures where the work_dir is the
    input."""
    path = folder / names.CROPS_CSV.format(kind=kind)
    kept = {Path(crop.crop_filename).name for crop in crops}
    for old in _listed(path) - kept:
        (crops_folder(folder, kind) / old).unlink(missing_ok=True)
    if not crops:
        path.unlink(missing_ok=True)
        return
    rows = [(c.index, c.filename, c.crop_filename, *asdict(c.box).values()) for c in crops]
    if not detected:
        write_csv(path, names.CROPS_COLUMNS, rows)
        return
    found = ((c.label, "" if c.score is None else f"{c.score:.6f}") for c in crops)
    whole = ((*row, *more) for row, more in zip(rows, found, strict=True))
    write_csv(path, names.DETECTED_COLUMNS, whole)


def _listed(path: Path) -> set[str]:
    """The files of crops in a csv of an earlier run, by their names."""
    try:
        header, rows = read_csv(path)
        column = header.index("crop_filename")
        listed = {Path(row[column]).name for row in rows if row}
    except (OSError, FormatError, ValueError, IndexError):
        return set()
    return {name for name in listed if _OURS.fullmatch(name)}
