"""Where the images of a run are."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from fastdup_gpu.formats.results import folder_of_run
from fastdup_gpu.sources.base import is_remote


def placed_by(work_dir: Path | None) -> Callable[[str], str]:
    """A function that turns the name of an image of a run into its path: relative names begin in
    the folder that was current during the run, wherever this process is now. Names are paths
    already if the run is not known, or if that folder is the current one."""
    folder = folder_of_run(work_dir) if work_dir else ""
    if not folder or _is_current(folder):
        return str
    return lambda name: name if is_remote(name) else os.path.join(folder, name)  # noqa: PTH118


def _is_current(folder: str) -> bool:
    try:
        return os.path.samefile(folder, os.curdir)  # noqa: PTH121
    except OSError:
        return False
