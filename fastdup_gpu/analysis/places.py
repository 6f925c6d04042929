"""Where the images of a run are."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from fastdup_gpu._errors import FastdupError
from fastdup_gpu.formats.features import feature_paths
from fastdup_gpu.formats.files import read_column, read_json
from fastdup_gpu.formats.names import CONFIG
from fastdup_gpu.sources.base import is_remote

_LOOKED_AT = 100  # names


def placed_by(work_dir: Path | None) -> Callable[[str], str]:
    """A function that turns the name of an image of a run into its path.

    Relative names begin in the folder that was current during the run, wherever this process is
    now; or, if the images were moved or copied together with the work_dir, where they are now.
    Names are paths already if the run is not known, or if that folder is the current one.
    """
    folder = _folder_of_run(work_dir) if work_dir else ""
    if not folder or _is_current(folder):
        return str
    return lambda name: name if is_remote(name) else os.path.join(folder, name)  # noqa: PTH118


def _folder_of_run(work_dir: Path) -> str:
    """The recorded folder; but if the work_dir is no longer where it was, the nearest folder around
    it in which the images are."""
    config = read_json(work_dir / CONFIG) or {}
    stored = config.get("environment")
    folder = stored.get("folder") if isinstance(stored, dict) else None
    if not isinstance(folder, str) or "\0" in folder:
        return ""
    given, place = str(config.get("work_dir")), os.path.realpath(work_dir)
    if "\0" in given or os.path.realpath(os.path.join(folder, given)) == place:  # noqa: PTH118
        return folder
    around = Path(place).parents
    return next((str(p) for p in around if _has_images(p, work_dir)), folder)


def _has_images(folder: Path, work_dir: Path) -> bool:
    """Whether an image of the run, or an archive with one, is at its relative name in a folder."""
    try:
        listed = list(islice(read_column(feature_paths(work_dir)[1], "filename"), _LOOKED_AT))
        paths = [folder / n for n in listed if not is_remote(n) and not Path(n).is_absolute()]
        return any(p.exists() or any(map(Path.is_file, p.parents)) for p in paths)
    except (OSError, ValueError, FastdupError):
        return False


def _is_current(folder: str) -> bool:
    try:
        return os.path.samefile(folder, os.curdir)  # noqa: PTH121
    except OSError:
        return False
