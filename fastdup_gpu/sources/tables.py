"""Text files that name images: one name per row, or a csv with a column `filename`."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fastdup_gpu._errors import InputError
from fastdup_gpu.formats.names import BOX_COLUMNS
from fastdup_gpu.sources.base import extension, is_remote, join

FILENAME = "filename"
_BEGINNING, _MOST = 8192, 4 << 30  # bytes: searched for zeros, which no text has; of a whole list


@dataclass(frozen=True, slots=True)
class Table:
    """A csv as text: its path, its header, and its rows without blank ones."""

    path: str
    header: list[str]
    rows: list[list[str]]


def read_text(path: str) -> str:
    """A whole text file; bytes that are not UTF-8 become surrogate escapes, as in file names."""
    try:
        with Path(path).open("rb") as stream:
            data = stream.read(_BEGINNING)
            if b"\0" in data:
                raise InputError(
                    f"{path!r} was read as a list of names, but is not a text file (zero byte in "
                    f"line {data[: data.index(0)].count(10) + 1}); to run on one image with an "
                    "unusual extension, put it into a Python list"
                )
            data += stream.read(_MOST + 1)
    except OSError as error:
        raise InputError(f"{path!r} cannot be read ({error.strerror or error})") from error
    if len(data) > _MOST:
        raise InputError(f"{path!r} was read as a list of names, but has over {_MOST} bytes")
    if extension(path) == "json":
        raise InputError(
            f"{path!r} is JSON, not a list of names; for the boxes of a COCO json, write them to a "
            "csv beside the images and give that: "
            f"import_from_coco({path!r}).dropna().to_csv('boxes.csv', index=False)"
        )
    return data.decode("utf-8-sig", "surrogateescape")


def table_of(path: str, text: str) -> Table | None:
    """The csv in a text; None if the first row is not a header with a column `filename` (in upper
    or lower case). Raises InputError if the columns are not separated by commas."""
    first, _, _ = text.lstrip("\r\n").partition("\n")
    if "," not in first or FILENAME not in first.lower():
        _refuse_other_separators(path, first)
        return None
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    except csv.Error as error:
        raise InputError(
            f"{path!r} begins like a csv, but cannot be read as one: {error}"
        ) from error
    header = [_known_name(cell.strip()) for cell in rows[0]]
    return Table(path, header, rows[1:]) if FILENAME in header else None


def _known_name(column: str) -> str:
    return column.lower() if column.lower() in (FILENAME, *BOX_COLUMNS) else column


def _refuse_other_separators(path: str, first: str) -> None:
    for sign in (";", "\t"):
        cells = [cell.strip(' "\r').lower() for cell in first.split(sign)]
        if len(cells) > 1 and FILENAME in cells:
            raise InputError(
                f"{path!r} begins with {first.strip()!r}, a header with columns separated by "
                f"{sign!r}; expected commas"
            )


def rows_of(path: str, text: str) -> list[str]:
    """One name per row, taken literally; blank rows and a first row `filename` are left out."""
    rows = [row for line in text.split("\n") if (row := line.removesuffix("\r")).strip()]
    if rows and rows[0].strip() == FILENAME:
        del rows[0]
    return located(rows, path)


def names_of(table: Table) -> list[str]:
    """The column `filename` of a csv."""
    return located(cells(table, FILENAME), table.path)


def cells(table: Table, name: str) -> list[str]:
    """One column of a csv; '' if a row is too short."""
    at = table.header.index(name)
    return [row[at] if at < len(row) else "" for row in table.rows]


def located(names: Sequence[str], list_file: str) -> list[str]:
    """Resolve relative names: unchanged if they exist, else beside the list file if they exist
    there, else unchanged."""
    folder = str(Path(list_file).parent)
    return [_locate(name, folder) for name in names]


def _locate(name: str, folder: str) -> str:
    if os.path.isabs(name) or is_remote(name) or exists(name):  # noqa: PTH117  for every name
        return name
    beside = join(folder, name)
    return beside if exists(beside) else name


def exists(name: str) -> bool:
    """Whether a file or folder exists; False if that cannot be found out."""
    return os.path.exists(name)  # noqa: PTH110  called for every name of a list
