"""run_mode 2: the statistics and the lists of bad files beside features that are joined."""

from __future__ import annotations

import contextlib
import csv
import logging
from collections.abc import Iterator, Sequence
from itertools import count, zip_longest
from pathlib import Path

from fastdup_gpu._errors import FormatError
from fastdup_gpu.formats import names
from fastdup_gpu.formats.features import FeatureSet
from fastdup_gpu.formats.files import READING, CsvWriter, replacing

_log = logging.getLogger("fastdup_gpu")
_STATS, _BAD = (name.format(kind=names.TRAIN) for name in (names.STATS_CSV, names.BAD_CSV))

Row = list[str]


class _Unlike(Exception):
    """Statistics that are not of the features beside them, or not like those of other parts."""


def join_tables(parts: Sequence[tuple[Path, FeatureSet]], folder: Path) -> None:
    """Write the bad files of all `parts`, a features file and what it holds each, and their
    statistics, where each part has them and they are alike.

    Statistics are numbered like the joined features; a bad file keeps its number in the input of
    its part.
    """
    dats = [dat for dat, _features in parts]
    if bad := _beside(dats, _BAD):
        with replacing(folder / _BAD) as stream:
            _write_bad(bad, CsvWriter(stream))
    if _beside(dats, _STATS):
        try:
            with replacing(folder / _STATS) as stream:
                _write_stats(parts, CsvWriter(stream))
        except _Unlike as reason:
            _log.warning("the features are joined without statistics: %s", reason)


def _beside(dats: Sequence[Path], name: str) -> list[Path]:
    """The tables of that name which the runs that wrote the features have put beside them."""
    of_runs = [dat for dat in dats if dat.name == names.FEATURES.format(kind=names.TRAIN)]
    return [path for dat in of_runs if (path := dat.with_name(name)).is_file()]


def _write_bad(tables: Sequence[Path], writer: CsvWriter) -> None:
    writer.writerow(names.BAD_COLUMNS)
    for path in tables:
        with _table(path) as (_header, rows):
            writer.writerows(rows)


def _write_stats(parts: Sequence[tuple[Path, FeatureSet]], writer: CsvWriter) -> None:
    numbers, columns = count(), None
    for dat, features in parts:
        if not (beside := _beside([dat], _STATS)):
            raise _Unlike(f"there is no {_STATS} of {dat}")
        path = beside[0]
        with _table(path) as (header, rows):
            if columns is None:
                writer.writerow(header)
            elif columns != header:
                raise _Unlike(f"{path} has other columns than that of {parts[0][0]}")
            columns = header
            for row, name in zip_longest(rows, features.filenames):
                if not row or row[1:2] != [name]:
                    raise _Unlike(f"{path} is not of the pictures of {dat}")
                writer.writerow([next(numbers), *row[1:]])


@contextlib.contextmanager
def _table(path: Path) -> Iterator[tuple[Row, Iterator[Row]]]:
    """The header of a csv, and its rows as they are read."""
    with path.open(**READING) as stream:  # type: ignore[call-overload]
        rows = csv.reader(stream)
        try:
            yield next(rows, []), rows
        except csv.Error as error:
            raise FormatError(f"{path} is not a csv: {error}") from error
