"""Checks a user's own features and writes them for run_mode=2."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastdup_gpu._errors import FormatError, InvalidArgument
from fastdup_gpu.formats import names, stale
from fastdup_gpu.formats.features import feature_paths, read_filenames, write_features
from fastdup_gpu.formats.files import held, prepare_folder

_ROWS = 65_536  # at a time


def save_features(
    save_path: str | os.PathLike[str], filenames: Sequence[str], np_array: ArrayLike
) -> None:
    """Write features and names to the folder `save_path` for run_mode=2; results of the previous
    features there are deleted."""
    array = _finite(_numbers(np_array))
    named = _names(filenames)
    if len(named) != len(array):
        raise InvalidArgument(f"{len(named)} filenames were given for {len(array)} rows")
    folder = _folder(save_path)
    prepare_folder(folder)
    of_a_run = (folder / names.TMP_DIR).is_dir()  # otherwise no run can be using it
    with held(folder) if of_a_run else nullcontext():
        stale.make_room(folder, same_pictures=_stored_names(folder) == named)
        write_features(folder, named, [array])


def _numbers(np_array: ArrayLike) -> NDArray[Any]:
    array = np.asarray(np_array)
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        raise InvalidArgument(
            f"np_array has shape {array.shape} and dtype {array.dtype}; expected numbers n x d"
        )
    if not array.shape[1]:
        raise InvalidArgument("np_array has rows of length 0; expected d of 1 or more")
    return array


def _finite(array: NDArray[Any]) -> NDArray[Any]:
    """The array; raises InvalidArgument for values that are not finite as float32."""
    for start in range(0, len(array), _ROWS):
        part = array[start : start + _ROWS]
        with np.errstate(over="ignore", invalid="ignore"):
            bad = ~np.isfinite(part.astype(np.float32)).all(axis=1)
        if bad.any():
            row = start + int(bad.argmax())
            raise InvalidArgument(
                f"np_array[{row}] contains nan, an infinity or a number too large for float32; "
                "leave out such rows together with their filenames"
            )
    return array


def _names(filenames: object) -> list[str]:
    if isinstance(filenames, (str, bytes, os.PathLike)) or not isinstance(filenames, Iterable):
        raise InvalidArgument(f"filenames={filenames!r}: expected a list with a name for each row")
    return [_name(row, filename) for row, filename in enumerate(filenames)]


def _name(row: int, filename: object) -> str:
    if not isinstance(filename, (str, bytes, os.PathLike)):
        raise InvalidArgument(
            f"filenames[{row}]={filename!r}: expected a path (str or os.PathLike)"
        )
    return os.fsdecode(filename)


def _folder(save_path: object) -> Path:
    if not isinstance(save_path, (str, os.PathLike)) or not os.fspath(save_path):
        raise InvalidArgument(f"save_path={save_path!r}: expected the path of a folder")
    return Path(save_path)


def _stored_names(folder: Path) -> list[str] | None:
    try:
        return read_filenames(feature_paths(folder)[1])
    except (OSError, FormatError):
        return None
