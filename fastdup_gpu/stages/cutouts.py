"""The csv of crops, and the files of crops that no run speaks of any more."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from fastdup_gpu._errors import FormatError
from fastdup_gpu.formats import names
from fastdup_gpu.formats.files import read_column, write_csv
from fastdup_gpu.sources.base import Crop
from fastdup_gpu.sources.crops import crops_folder

_OURS = re.compile(r"\d{7,}_[A-Za-z0-9._-]*\.jpg")


def write_crops(folder: Path, kind: str, crops: Sequence[Crop], *, detected: bool = False) -> None:
    """List the crops of a run, or nothing where it has none. Those that the run before listed and
    this one does not are removed: they would be taken for pictures where the work_dir is the
    input."""
    path = folder / names.CROPS_CSV.format(kind=kind)
    kept = {_last_part(crop.crop_filename) for crop in crops}
    for old in _outdated(path, kept):
        (crops_folder(folder, kind) / old).unlink(missing_ok=True)
    if crops:
        columns = names.DETECTED_COLUMNS if detected else names.CROPS_COLUMNS
        write_csv(path, columns, (_row(crop, detected) for crop in crops))
    else:
        path.unlink(missing_ok=True)


def _row(crop: Crop, detected: bool) -> tuple[object, ...]:
    box = crop.box
    edges = box.col_x, box.row_y, box.width, box.height
    found = crop.label, "" if crop.score is None else f"{crop.score:.6f}"
    return (crop.index, crop.filename, crop.crop_filename, *edges, *(found if detected else ()))


def _last_part(path: str) -> str:
    return os.path.basename(path)  # noqa: PTH119  called for every crop


def _outdated(path: Path, kept: set[str]) -> set[str]:
    """The files of crops in a csv of an earlier run, by their names, but for those that are kept;
    none where the csv is damaged."""
    try:
        listed = map(_last_part, read_column(path, "crop_filename"))
        return {name for name in listed if name not in kept and _OURS.fullmatch(name)}
    except (OSError, FormatError):
        return set()
