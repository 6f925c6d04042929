"""Checks a user's own features and writes them for run_mode=2."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastdup_gpu._arguments import has_entries, path_text
from fastdup_gpu._errors import FormatError, InvalidArgument
from fastdup_gpu.formats import names, stale
from fastdup_gpu.formats.features import feature_paths, read_filenames, write_features
from fastdup_gpu.formats.files import held, prepare_folder
from fastdup_gpu.indexing.rows import LONGEST, SHORTEST, squared, usable

_ROWS = 65_536  # at a time
_ADVICE = "leave out such rows together with their filenames"


def save_features(
    save_path: str | os.PathLike[str], filenames: Sequence[str], np_array: ArrayLike
) -> None:
    """Write features and names to the folder `save_path` for run_mode=2; results of the previous
    features there are deleted."""
    array = _numbers(np_array)
    _check(array)
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
    mask = np.ma.getmaskarray(np_array) if isinstance(np_array, np.ma.MaskedArray) else None
    if mask is not None and mask.any():
        row = int(mask.any(axis=1).argmax())
        raise InvalidArgument(f"np_array[{row}] contains masked values; {_ADVICE}")
    return array


def _check(array: NDArray[Any]) -> None:
    """Raise InvalidArgument for rows that are not finite as float32, or whose norm is so large or
    small that no run can compare them."""
    for start in range(0, len(array), _ROWS):
        given = array[start : start + _ROWS]
        with np.errstate(over="ignore", invalid="ignore"):
            part = given.astype(np.float32)
        bad = ~np.isfinite(part).all(axis=1)
        if bad.any():
            raise InvalidArgument(
                f"np_array[{start + int(bad.argmax())}] contains nan, an infinity or a number too "
                f"large for float32; {_ADVICE}"
            )
        odd = given.any(axis=1) & ~usable(squared(part), SHORTEST)
        if odd.any():
            row = int(odd.argmax())
            norm = np.linalg.norm(given[row].astype(np.float64))
            raise InvalidArgument(
                f"np_array[{start + row}] has the norm {norm:.3g}; expected 0, or from "
                f"{SHORTEST**0.5:.0e} to {LONGEST**0.5:.0e}: scale the features"
            )


def _names(filenames: object) -> list[str]:
    if isinstance(filenames, os.PathLike) or not has_entries(filenames):
        raise InvalidArgument(f"filenames={filenames!r}: expected a list with a name for each row")
    return [_name(row, filename) for row, filename in enumerate(filenames)]


def _name(row: int, filename: object) -> str:
    if not isinstance(filename, (str, bytes, os.PathLike)):
        raise InvalidArgument(
            f"filenames[{row}]={filename!r}: expected a path (str or os.PathLike)"
        )
    return os.fsdecode(filename)


def _folder(save_path: str | os.PathLike[str]) -> Path:
    if not path_text("save_path", save_path):
        raise InvalidArgument(f"save_path={save_path!r}: expected the path of a folder")
    return Path(save_path)


def _stored_names(folder: Path) -> list[str] | None:
    try:
        return read_filenames(feature_paths(folder)[1])
    except (OSError, FormatError):
        return None
