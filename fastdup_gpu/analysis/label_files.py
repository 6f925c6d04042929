"""A csv of labels: by file name, or by the number of a row, or row by row."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fastdup_gpu._errors import InvalidArgument
from fastdup_gpu.formats.files import read_csv

_NUMBERED = (["index"], [""])  # pandas leaves the name of an index empty


@dataclass(frozen=True, slots=True)
class LabelFile:
    """The labels of a csv, and the `filenames` or the row numbers (`ids`) beside them; None if the
    csv lacks them."""

    labels: list[str]
    filenames: list[str] | None = None
    ids: list[int] | None = None


def read_label_file(path: Path, given: str) -> LabelFile:
    """Read a csv `index,label`, `filename,label`, or with the column `label` alone; raises
    InvalidArgument, in which `given` denotes the file."""
    if not path.is_file():
        raise InvalidArgument(f"{given} is not a file")
    header, rows = read_csv(path)
    rows = [row for row in rows if row]
    others = [name for name in header if name != "label"]
    known = "filename" in others or others in ([], *_NUMBERED)
    if header.count("label") != 1 or not known or any(len(row) != len(header) for row in rows):
        raise InvalidArgument(
            f"{given} has the header {header}; expected index,label or filename,label, and "
            "complete rows"
        )
    columns = {name: [row[i] for row in rows] for i, name in enumerate(header)}
    if "filename" in others:
        return LabelFile(columns["label"], filenames=columns["filename"])
    ids = [_row_number(cell, given) for name in others for cell in columns[name]]
    return LabelFile(columns["label"], ids=ids if others else None)


def _row_number(cell: str, given: str) -> int:
    try:
        number = float(cell)
    except ValueError:
        number = 0.5
    if not number.is_integer():
        raise InvalidArgument(
            f"{given} has {cell!r} as the index of a row; expected the row number of an image in "
            "the features csv, or a column filename instead"
        )
    return int(number)
