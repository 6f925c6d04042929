"""run_mode 2: statistics and lists (bad files, crops, frames) for joined features."""

from __future__ import annotations

import contextlib
import csv
import logging
from collections.abc import Callable, Iterator, Sequence
from itertools import count, zip_longest
from pathlib import Path
from typing import TypeVar

from fastdup_gpu._errors import FormatError
from fastdup_gpu.formats import names
from fastdup_gpu.formats.features import FeatureSet
from fastdup_gpu.formats.files import READING, CsvWriter, replacing

_log = logging.getLogger("fastdup_gpu")
_STATS = names.STATS_CSV.format(kind=names.TRAIN)
_LISTS = (names.BAD_CSV, names.CROPS_CSV, names.FRAMES_CSV)

T = TypeVar("T")
Row = list[str]


class _Unlike(Exception):
    """A table does not belong to the features beside it, or differs from those of other parts."""


def join_tables(parts: Sequence[tuple[Path, FeatureSet]], folder: Path) -> None:
    """Write the lists (bad files, crops, frames) of all `parts`, each a features file and its
    content, and their statistics if every part has them with the same columns.

    Statistics are numbered like the joined features; entries of lists keep their number in the
    input of their part.
    """
    dats = [dat for dat, _features in parts]
    for name in (pattern.format(kind=names.TRAIN) for pattern in _LISTS):
        _write(folder / name, _write_list, _beside(dats, name))
    _write(folder / _STATS, _write_stats, parts if _beside(dats, _STATS) else [])


def _write(path: Path, fill: Callable[[CsvWriter, Sequence[T]], None], given: Sequence[T]) -> None:
    """Write a table from `given`, or remove that of an earlier join if there is nothing."""
    if not given:
        path.unlink(missing_ok=True)
        return
    try:
        with replacing(path) as stream:
            fill(CsvWriter(stream), given)
    except _Unlike as reason:
        path.unlink(missing_ok=True)
        _log.warning("the features were joined without %s: %s", path.name, reason)


def _beside(dats: Sequence[Path], name: str) -> list[Path]:
    """The tables of that name that runs wrote beside their features."""
    of_runs = [dat for dat in dats if dat.name == names.FEATURES.format(kind=names.TRAIN)]
    return [path for dat in of_runs if (path := dat.with_name(name)).is_file()]


def _write_list(writer: CsvWriter, tables: Sequence[Path]) -> None:
    columns = None
    for path in tables:
        with _table(path) as (header, rows):
            columns = _same_columns(columns, header, path, writer)
            writer.writerows(rows)


def _write_stats(writer: CsvWriter, parts: Sequence[tuple[Path, FeatureSet]]) -> None:
    numbers, columns = count(), None
    for dat, features in parts:
        if not (beside := _beside([dat], _STATS)):
            raise _Unlike(f"{dat} has no {_STATS} beside it")
        path = beside[0]
        with _table(path) as (header, rows):
            columns = _same_columns(columns, header, path, writer)
            for row, name in zip_longest(rows, features.filenames):
                if not row or row[1:2] != [name]:
                    raise _Unlike(f"{path} does not list the images of {dat}")
                writer.writerow([next(numbers), *row[1:]])


def _same_columns(known: Row | None, header: Row, path: Path, writer: CsvWriter) -> Row:
    """Check that a table has the columns of the first one, and return them."""
    if known is None:
        writer.writerow(header)
    elif known != header:
        raise _Unlike(f"{path} has other columns than the first one")
    return header


@contextlib.contextmanager
def _table(path: Path) -> Iterator[tuple[Row, Iterator[Row]]]:
    """The header of a csv, and its rows as they are read."""
    with path.open(**READING) as stream:  # type: ignore[call-overload]
        rows = csv.reader(stream)
        try:
            yield next(rows, []), rows
        except csv.Error as error:
            raise FormatError(f"{path} is not a csv: {error}") from error
