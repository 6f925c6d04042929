"""A csv of results as a DataFrame: names read literally, numbers as numbers.

pandas reads correct files, twenty times faster than the csv module; any other file is read again
row by row, to find out what is wrong and where.
"""

from __future__ import annotations

import csv
import warnings
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fastdup_gpu._errors import FormatError
from fastdup_gpu.formats import names
from fastdup_gpu.formats.files import READING, missing

_TEXT_COLUMNS = frozenset(("filename", "crop_filename", "from", "to", "label", "error_code"))
_INTEGER_COLUMNS = frozenset(
    ("index", "__id", "component_id", "count", "cluster", "filesize", *names.INTEGER_STATS)
)
_FLOAT_COLUMNS = (
    frozenset(("distance", "mean_distance", "min_distance", "max_distance", "pagerank")).union(
        names.STATS_COLUMNS_ADVANCED, names.STATS_COLUMNS
    )
    - _INTEGER_COLUMNS
    - _TEXT_COLUMNS
)


def read_table(path: Path, nrows: int | None) -> pd.DataFrame:
    """The first `nrows` rows; None = all. Text columns have dtype object, whole numbers int64,
    other numbers float64; a column that is neither known nor numeric is text.

    Raises WorkDirError for a missing file, FormatError for one that is not such a table.
    """
    try:
        with path.open(**READING) as stream:  # type: ignore[call-overload]
            table = _parse(path, next(csv.reader(stream), None), nrows)
        return _read_rows(path, nrows) if table is None else table
    except (FileNotFoundError, NotADirectoryError) as error:
        raise missing(path) from error
    except csv.Error as error:
        raise FormatError(f"{path} is not a csv: {error}") from error


def objects(cells: Iterable[object]) -> pd.Series[Any]:
    """The cells as a Series of dtype object."""
    return pd.Series(list(cells), dtype=object)


def _parse(path: Path, header: list[str] | None, nrows: int | None) -> pd.DataFrame | None:
    """Read with pandas; None if a row or a cell is not as expected."""
    if not header or len(set(header)) < len(header):
        return None
    kinds = {name: "float64" if _is_number(name) else "object" for name in header}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(
                path,
                dtype=kinds,
                nrows=nrows,
                na_filter=False,
                encoding_errors="surrogateescape",
            )
    except (ValueError, OverflowError, pd.errors.ParserError, pd.errors.ParserWarning):
        return None
    if list(table) != header or not isinstance(table.index, pd.RangeIndex):
        return None
    last = table[header[-1]]
    if last.dtype == object and (last == "").any():  # the row may be too short
        return None
    return pd.DataFrame({name: _column(name, table[name], path) for name in header})


def _is_number(name: str) -> bool:
    return name in _INTEGER_COLUMNS or name in _FLOAT_COLUMNS


def _read_rows(path: Path, nrows: int | None) -> pd.DataFrame:
    with path.open(**READING) as stream:  # type: ignore[call-overload]
        reader = csv.reader(stream)
        header = next(reader, None)
        rows = [row for row in islice(reader, nrows) if row]
    if not header:
        raise FormatError(f"{path} is empty; expected a header row")
    short = next((i for i, row in enumerate(rows) if len(row) != len(header)), None)
    if short is not None:
        raise FormatError(
            f"{path}: row {short + 1} has {len(rows[short])} cells, but the header {len(header)}"
        )
    columns = zip(*rows, strict=True) if rows else ((),) * len(header)
    return pd.DataFrame(
        {name: _column(name, cells, path) for name, cells in zip(header, columns, strict=True)}
    )


def _column(name: str, cells: Sequence[Any] | pd.Series[Any], path: Path) -> pd.Series[Any]:
    if name in _TEXT_COLUMNS:
        return objects(cells)
    try:
        numbers = _numbers(cells)
    except ValueError as error:
        if name in (*_INTEGER_COLUMNS, "distance"):
            raise FormatError(f"{path}: column {name!r} is not numeric: {error}") from error
        return objects(cells)
    if name not in _INTEGER_COLUMNS or np.isnan(numbers).any():
        return pd.Series(numbers)
    if not (np.abs(numbers) < 2**53).all() or (numbers % 1).any():
        raise FormatError(f"{path}: column {name!r} contains numbers that are not whole")
    return pd.Series(numbers.astype(np.int64))


def _numbers(cells: Sequence[Any] | pd.Series[Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    if isinstance(cells, pd.Series) and cells.dtype == np.float64:
        return cells.to_numpy()
    return np.array([float(cell or "nan") for cell in cells], np.float64)
