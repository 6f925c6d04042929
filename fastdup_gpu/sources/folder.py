"""Images as plain files: reading one, and listing those in a folder."""

from __future__ import annotations

import contextlib
import heapq
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from fastdup_gpu._errors import InputError
from fastdup_gpu.formats import names as formats
from fastdup_gpu.reading import file_stamp, read_file
from fastdup_gpu.sources.base import Crop, Found, join

_log = logging.getLogger(__name__)


class FileSource:
    """Images that are plain files. `failed`: items without a file, whose load raises the reason."""

    sequential = False

    def __init__(
        self,
        names: Sequence[str],
        crops: Sequence[Crop] = (),
        failed: Mapping[int, Exception] = MappingProxyType({}),
    ) -> None:
        self.names = names
        self.crops = crops
        self.failed = failed

    def load(self, index: int) -> bytes:
        """The bytes of file `index`."""
        if index in self.failed:
            raise self.failed[index]
        return read_file(self.names[index])

    def path(self, index: int) -> str:
        """The name of file `index`, "" if there is none."""
        return "" if index in self.failed else self.names[index]

    def stamp(self, index: int) -> bytes:
        """The stamp of file `index`, or of what stands in its place."""
        return file_stamp(self.names[index])

    def close(self) -> None:
        """Nothing is held open."""


def is_junk(name: str) -> bool:
    """Whether a file or folder is macOS metadata, or the trash folder of deleted duplicates."""
    return name.startswith("._") or name in ("__MACOSX", formats.TRASH_DIR)


def walk(root: str, work_dir: Path) -> Found:
    """All images, archives and videos in a folder and below, each sorted by code point of its
    path, so that the order is the same on every machine.

    Hidden files and folders are included; macOS metadata, `work_dir`, the crops and frames of runs
    in sub-folders, and images of galleries are not. Links to files are included. Links to folders
    are followed after all real folders, in order of their paths, and no folder is entered twice: a
    loop ends, each image in a folder that is linked twice is listed once (with its real path if
    that is inside `root`), and a link to a parent folder of `root` is not followed. Sub-folders
    that cannot be listed cause a warning.
    """
    found = Found(root)
    seen = _never_entered(root, work_dir)
    unreadable: list[OSError] = []
    real, linked = [root], list[str]()
    while real or linked:
        folder = real.pop() if real else heapq.heappop(linked)
        for entry in _enter(folder, seen, unreadable, below=folder != root):
            _sort_in(entry, join(folder, entry.name), found, real, linked)
    _report(root, unreadable)
    for kind in (found.pictures, found.archives, found.videos):
        kind.sort()
    return found


def _sort_in(
    entry: os.DirEntry[str], name: str, found: Found, real: list[str], linked: list[str]
) -> None:
    if is_junk(entry.name):
        return
    if entry.is_dir(follow_symlinks=False):
        real.append(name)
    elif entry.is_symlink() and _leads_to_folder(entry):
        heapq.heappush(linked, name)
    else:
        found.add(name, any_extension=False)


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _enter(
    folder: str, seen: set[tuple[int, int]], unreadable: list[OSError], *, below: bool
) -> list[os.DirEntry[str]]:
    """The entries of a folder; none if it was entered before, cannot be listed, or is part of a
    gallery. Without what a run made, if the folder is `below` the one asked for."""
    try:
        identity = _identity(Path(folder))
        if identity in seen:
            return []
        seen.add(identity)
        with os.scandir(folder) as scanned:
            entries = list(scanned)
        listed = {entry.name for entry in entries}
        if formats.GALLERY_MARK in listed:
            return []
        return [entry for entry in entries if not (below and _is_made(entry.name, listed))]
    except OSError as error:
        unreadable.append(error)
        return []


def _is_made(name: str, beside: set[str]) -> bool:
    """Whether an entry of a work_dir holds the crops, or frames and copies, of a run."""
    if name not in (formats.CROPS_DIR, formats.TMP_DIR):
        return False
    signs = (formats.CROPS_CSV, formats.FRAMES_CSV, formats.FEATURES_CSV)
    kinds = (formats.TRAIN, formats.TEST)
    return any(sign.format(kind=kind) in beside for sign in signs for kind in kinds)


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _never_entered(root: str, work_dir: Path) -> set[tuple[int, int]]:
    """The parent folders of `root`, and the work_dir inside it.

    If both are the same folder, only the crops of an earlier run are excluded.
    """
    here = Path(root).resolve()
    barred = [*here.parents, work_dir]
    if work_dir.resolve() == here:
        barred.pop()
        signs = (formats.CROPS_CSV, formats.DETECTIONS)
        kinds = (formats.TRAIN, formats.TEST)
        if any((work_dir / sign.format(kind=kind)).exists() for sign in signs for kind in kinds):
            barred.append(work_dir / formats.CROPS_DIR)
    identities = set()
    for path in barred:
        with contextlib.suppress(OSError):
            identities.add(_identity(path))
    return identities


def _report(root: str, unreadable: list[OSError]) -> None:
    if not unreadable:
        return
    first = unreadable[0]
    if first.filename == root:
        raise InputError(
            f"input_dir={root!r} cannot be listed ({first.strerror}); "
            "give a folder with read permission"
        ) from first
    _log.warning(
        "%d folder(s) in %r cannot be listed and are left out; the first is %r (%s)",
        len(unreadable),
        root,
        first.filename,
        first.strerror,
    )
