"""The csv of crops, and the removal of crops that are no longer listed in it."""

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
    """Write the csv of the crops of a run, or none if it has no crops. Crops that only the previous
    run listed are removed; otherwise they would count as images if the work_dir is the input."""
    path = folder / names.CROPS_CSV.format(kind=kind)
    kept = {_last_part(crop.crop_filename) for crop in crops}
    for old in _outdated(path, kept):
        (crops_folder(folder, kind) / old).unlink(missing_ok=True)
    if crops:
        columns: Sequence[str] = names.DETECTED_COLUMNS
        if not detected:
            columns = columns[: -1 if crops[0].label is not None else -2]
        write_csv(path, columns, (_row(crop)[: len(columns)] for crop in crops))
    else:
        path.unlink(missing_ok=True)


def _row(crop: Crop) -> tuple[object, ...]:
    box = crop.box
    edges = box.col_x, box.row_y, box.width, box.height
    score = "" if crop.score is None else f"{crop.score:.6f}"
    return (crop.index, crop.filename, crop.crop_filename, *edges, crop.label or "", score)


def _last_part(path: str) -> str:
    return os.path.basename(path)  # noqa: PTH119  called for every crop


def _outdated(path: Path, kept: set[str]) -> set[str]:
    """The file names of the crops in the csv of an earlier run, except those in `kept`; none if the
    csv is damaged."""
    try:
        listed = map(_last_part, read_column(path, "crop_filename"))
        return {name for name in listed if name not in kept and _OURS.fullmatch(name)}
    except (OSError, FormatError):
        return set()
