"""Feature files: raw little-endian float32, row-major n x d, and the csv that names the rows."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastdup_gpu._errors import FormatError, InvalidArgument, WorkDirError
from fastdup_gpu.formats import names
from fastdup_gpu.formats.files import (
    TEXT,
    CsvWriter,
    prepare_folder,
    read_csv,
    replacing,
)

_LITTLE = np.dtype("<f4")


def write_array(stream: IO[bytes], rows: ArrayLike) -> None:
    """Append rows as little-endian float32; raises OSError where the disk is full, of which
    ndarray.tofile says nothing."""
    stream.write(np.ascontiguousarray(rows, _LITTLE).data)


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """Stored features: `filenames` of the rows, `matrix` f32[n, d] (a read-only memory map)."""

    filenames: list[str]
    matrix: NDArray[np.float32]


def feature_paths(folder: Path, kind: str = names.TRAIN) -> tuple[Path, Path]:
    """The .dat and the .csv of a work_dir."""
    return folder / names.FEATURES.format(kind=kind), folder / names.FEATURES_CSV.format(kind=kind)


def read_filenames(path: Path) -> list[str]:
    """The filename column of a features csv, in row order."""
    header, rows = read_csv(path)
    if "filename" not in header:
        raise FormatError(f"{path} has columns {header}, a column 'filename' was expected")
    column = header.index("filename")
    try:
        return [row[column] for row in rows if row]
    except IndexError as error:
        raise FormatError(f"{path} has a row shorter than its header") from error


def open_features(dat: Path, d: int = names.DEFAULT_DIM) -> FeatureSet:
    """Open `dat` and the csv beside it. The row length is read from the two files' sizes.

    Raises FormatError where they do not fit each other, or fit another d than was asked for
    (d=576, the default, also stands for 'as stored').
    """
    csv_path = dat.with_name(dat.name + ".csv")
    if not dat.is_file():
        raise WorkDirError(f"{dat} does not exist; run with run_mode=0 or 1 first")
    filenames = read_filenames(csv_path)
    size = dat.stat().st_size
    if not filenames:
        if size:
            raise FormatError(f"{dat} has {size} bytes but {csv_path.name} names no rows")
        return FeatureSet([], np.zeros((0, d), np.float32))
    stored, rest = divmod(size, 4 * len(filenames))
    if rest or not stored:
        raise FormatError(
            f"{dat} has {size} bytes, which is no whole float32 row for each of the "
            f"{len(filenames)} rows of {csv_path.name}"
        )
    if stored != d and d != names.DEFAULT_DIM:
        raise FormatError(f"{dat} holds rows of {stored} numbers, but d={d} was asked for")
    matrix = np.memmap(dat, _LITTLE, "r", shape=(len(filenames), stored))
    return FeatureSet(filenames, matrix)


def load_features(filename: str | os.PathLike[str], d: int) -> tuple[list[str], NDArray[Any]]:
    """Names and a writable f32[n, d] array in memory; `filename` is the .dat, its .csv, or a
    work_dir."""
    features = open_features(locate(Path(filename)), d)
    return features.filenames, np.array(features.matrix, dtype=np.float32)


def locate(path: Path, kind: str = names.TRAIN) -> Path:
    """The .dat that a path to a .dat, its .csv, or their folder means."""
    if _is(Path.is_dir, path):
        return feature_paths(path, kind)[0]
    return path.with_name(path.name[:-4]) if path.name.endswith(".dat.csv") else path


def save_features(
    save_path: str | os.PathLike[str], filenames: Sequence[str], np_array: ArrayLike
) -> None:
    """Write features and names into the folder `save_path` for run_mode=2."""
    array = np.asarray(np_array)
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        raise InvalidArgument(
            f"np_array has shape {array.shape} and dtype {array.dtype}, expected numbers n x d"
        )
    if len(filenames) != len(array):
        raise InvalidArgument(f"{len(filenames)} filenames were given for {len(array)} rows")
    if not array.shape[1]:
        raise InvalidArgument("np_array has rows of no numbers, expected d of 1 or more")
    named = [_name(i, filename) for i, filename in enumerate(filenames)]
    folder = Path(save_path)
    prepare_folder(folder)
    write_features(folder, named, [array])


def _name(row: int, filename: object) -> str:
    if not isinstance(filename, (str, bytes, os.PathLike)):
        raise InvalidArgument(
            f"filenames[{row}]={filename!r}: expected a path (str or os.PathLike)"
        )
    return os.fsdecode(filename)


def write_features(
    folder: Path, filenames: Sequence[str], parts: Iterator[Any] | Sequence[Any]
) -> None:
    """Write the two files of a work_dir; `parts` are arrays [m, d] that follow each other."""
    dat, csv_path = feature_paths(folder)
    with replacing(dat, "wb") as stream:
        for part in parts:
            for start in range(0, len(part), 65536):
                write_array(stream, part[start : start + 65536])
    with replacing(csv_path) as stream:
        writer = CsvWriter(stream)
        writer.writerow(names.FEATURES_COLUMNS)
        writer.writerows(enumerate(filenames))


def listed_features(path: Path) -> list[Path]:
    """The .dat files that a run_mode=2 input means: a features file, a folder with features
    (its own, else those of its sub-folders), or a text file listing such paths. [] = none."""
    if _is(Path.is_dir, path):
        own = feature_paths(path)[0]
        return [own] if own.is_file() else sorted(path.rglob(own.name))
    if path.name.endswith((".dat", ".dat.csv")):
        dat = locate(path)
        return [dat] if _is(Path.is_file, dat) else []
    return _read_list(path) if _is(Path.is_file, path) else []


def _read_list(path: Path) -> list[Path]:
    try:
        with path.open(**TEXT) as stream:  # type: ignore[call-overload]
            rows = [row[0] for row in csv.reader(stream) if row]
    except (csv.Error, ValueError):
        return []
    entries = [path.parent / row for row in rows]
    if not all(e.name.endswith((".dat", ".dat.csv")) or _is(Path.is_dir, e) for e in entries):
        return []
    return [dat for entry in entries for dat in _required(entry, path)]


def _is(kind: Callable[[Path], bool], path: Path) -> bool:
    try:
        return kind(path)
    except OSError:  # such as a line too long for a name
        return False


def _required(entry: Path, listed_in: Path) -> list[Path]:
    found = listed_features(entry)
    if not found:
        raise WorkDirError(f"{listed_in} lists {str(entry)!r}, where there are no features")
    return found
