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

from fastdup_gpu._arguments import whole_number
from fastdup_gpu._errors import FormatError, InvalidArgument, WorkDirError
from fastdup_gpu.formats import names
from fastdup_gpu.formats.files import (
    READING,
    CsvWriter,
    read_column,
    read_json,
    replacing,
)

_LITTLE = np.dtype("<f4")
_ROWS = 65_536  # at a time


def write_array(stream: IO[bytes], rows: ArrayLike) -> None:
    """Append rows as little-endian float32; raises OSError if the disk is full, which
    ndarray.tofile does not report."""
    stream.write(np.ascontiguousarray(rows, _LITTLE).data)


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """Stored features: `filenames` of the rows, `matrix` f32[n, d] (a read-only memory map),
    `files`: the .dat files that contain them."""

    filenames: list[str]
    matrix: NDArray[np.float32]
    files: tuple[Path, ...] = ()


def feature_paths(folder: Path, kind: str = names.TRAIN) -> tuple[Path, Path]:
    """The .dat and the .csv of a work_dir."""
    return folder / names.FEATURES.format(kind=kind), folder / names.FEATURES_CSV.format(kind=kind)


def read_filenames(path: Path) -> list[str]:
    """The filename column of a features csv, in row order."""
    return list(read_column(path, "filename"))


def open_features(dat: Path, d: int = names.DEFAULT_DIM) -> FeatureSet:
    """Open `dat` and the csv beside it. The length of a row follows from the size of `dat`.

    Raises FormatError if the files do not match each other, or have another d than given (d=576,
    the default, stands for any d).
    """
    csv_path = dat.with_name(dat.name + ".csv")
    if not dat.is_file():
        raise WorkDirError(f"{dat} does not exist; run with run_mode=0 or 1 first")
    if not csv_path.is_file():
        raise WorkDirError(
            f"{csv_path} does not exist, which should name the rows of {dat}; give a features file "
            "such as work_dir/atrain_features.dat"
        )
    filenames = read_filenames(csv_path)
    size = dat.stat().st_size
    if not filenames:
        if size:
            raise FormatError(f"{dat} has {size} bytes, but {csv_path.name} names no rows")
        return FeatureSet([], np.zeros((0, d), np.float32), (dat,))
    stored, rest = divmod(size, 4 * len(filenames))
    if rest or not stored:
        raise FormatError(
            f"{dat} has {size} bytes, which is not a whole number of float32 values for each of "
            f"the {len(filenames)} rows of {csv_path.name}"
        )
    _check_as_extracted(dat, size, len(filenames))
    if stored != d and d != names.DEFAULT_DIM:
        raise FormatError(f"the features in {dat} have length {stored}, but d={d} was given")
    matrix = np.memmap(dat, _LITTLE, "r", shape=(len(filenames), stored))
    return FeatureSet(filenames, matrix, (dat,))


def _check_as_extracted(dat: Path, size: int, rows: int) -> None:
    """Raise FormatError if the two files do not have the sizes that the run recorded: a truncated
    file may still have whole rows, of another length."""
    kind = dat.name.removesuffix(names.FEATURES.format(kind=""))
    state = read_json(dat.parent / names.EXTRACTION.format(kind=kind)) or {}
    sizes = state.get("sizes")
    if not state.get("complete") or not isinstance(sizes, dict):
        return
    if (size, rows) != (sizes.get("features"), state.get("rows")):
        raise FormatError(
            f"{dat} has {size} bytes for the {rows} rows of {dat.name}.csv, but the run wrote "
            f"{sizes.get('features')} bytes for {state.get('rows')} rows: one of them is damaged; "
            "run again, or store your own features with save_binary_feature"
        )


def load_features(filename: str | os.PathLike[str], d: int) -> tuple[list[str], NDArray[Any]]:
    """Names and a writable f32[n, d] array in memory; `filename` is the .dat, its .csv, or a
    work_dir."""
    if not isinstance(filename, (str, os.PathLike)) or not os.fspath(filename):
        raise InvalidArgument(
            f"filename={filename!r}: expected the path of a features file, such as "
            "work_dir/atrain_features.dat"
        )
    features = open_features(locate(Path(filename)), whole_number("d", d, 1))
    return features.filenames, np.array(features.matrix, dtype=np.float32)


def locate(path: Path, kind: str = names.TRAIN) -> Path:
    """The .dat that a path to a .dat, its .csv, or their folder stands for."""
    if is_folder(path):
        return feature_paths(path, kind)[0]
    return path.with_name(path.name[:-4]) if path.name.endswith(".dat.csv") else path


def write_features(
    folder: Path, filenames: Sequence[str], parts: Iterator[Any] | Sequence[Any]
) -> None:
    """Write the two files of a work_dir; `parts` are consecutive arrays [m, d]."""
    dat, csv_path = feature_paths(folder)
    with replacing(dat, "wb") as stream:
        for part in parts:
            for start in range(0, len(part), _ROWS):
                write_array(stream, part[start : start + _ROWS])
    with replacing(csv_path) as stream:
        writer = CsvWriter(stream)
        writer.writerow(names.FEATURES_COLUMNS)
        writer.writerows(enumerate(filenames))


def listed_features(path: Path) -> list[Path]:
    """The .dat files that an input of run_mode=2 stands for: a features file, a folder with
    features (its own, else those of its sub-folders), or a text file listing such paths. [] =
    none."""
    if is_folder(path):
        return own_features(path) or sorted(path.rglob(names.FEATURES.format(kind=names.TRAIN)))
    if is_features_name(path):
        dat = locate(path)
        return [dat] if _is(Path.is_file, dat) else []
    return [dat for entry in list_entries(path) for dat in required_features(entry, str(path))]


def own_features(folder: Path) -> list[Path]:
    """The features file directly in a folder, if there is one."""
    own = feature_paths(folder)[0]
    return [own] if _is(Path.is_file, own) else []


def is_features_name(path: Path) -> bool:
    """Whether a path is named like a features file or the csv beside one."""
    return path.name.endswith((".dat", ".dat.csv")) and not is_folder(path)


def is_folder(path: Path) -> bool:
    """Whether a path is an existing folder."""
    return _is(Path.is_dir, path)


def list_entries(path: Path) -> list[Path]:
    """The features files and folders that a text file lists, with relative ones in the current
    folder or else beside it; [] for any other file."""
    if not _is(Path.is_file, path):
        return []
    try:
        with path.open(**READING) as stream:  # type: ignore[call-overload]
            rows = [row for row in csv.reader(stream) if row]
    except (csv.Error, ValueError):
        return []
    if rows and [cell.strip() for cell in rows[0]] == ["filename"]:
        del rows[0]
    entries = [_beside(row[0], path) for row in rows]
    fit = all(is_features_name(e) or is_folder(e) for e in entries)
    return entries if fit else []


def _beside(name: str, listing: Path) -> Path:
    here, beside = Path(name), listing.parent / name
    return here if _is(Path.exists, here) or not _is(Path.exists, beside) else beside


def _is(kind: Callable[[Path], bool], path: Path) -> bool:
    try:
        return kind(path)
    except (OSError, ValueError):  # such as a line too long for a name
        return False


def required_features(entry: Path, listed_in: str) -> list[Path]:
    """The .dat files of an entry of a list; raises WorkDirError if there are none."""
    found = listed_features(entry)
    if not found:
        raise WorkDirError(
            f"{listed_in} lists {str(entry)!r}, which contains no features; correct or remove "
            "that entry"
        )
    return found
