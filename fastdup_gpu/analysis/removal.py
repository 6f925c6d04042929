"""Which files may be removed.

A file is left alone, with the reason, if it is not what the run saw (missing, changed, inside an
archive, remote), or if it is itself the file to be kept.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from fastdup_gpu._errors import FastdupError
from fastdup_gpu.analysis.places import placed_by
from fastdup_gpu.formats import names, results
from fastdup_gpu.formats.files import read_json
from fastdup_gpu.sources.base import is_remote

STRANGE = "it is not an image of this run"
REMOTE = "it is not on this machine"
IN_ARCHIVE = "it is inside an archive, and archives are not changed"


class _Folders(dict[str, str]):
    """Folders with all links followed, each looked up once."""

    def __missing__(self, folder: str) -> str:
        self[folder] = os.path.realpath(folder)
        return self[folder]


class _Archives(dict[str, bool]):
    """Whether a folder is actually a file, or inside one; each looked up once."""

    def __missing__(self, folder: str) -> bool:
        path = Path(folder)
        self[folder] = any(place.is_file() for place in (path, *path.parents))
        return self[folder]


@dataclass(frozen=True)
class Item:
    """An image: its `name` in the results, for looking it up there, and the `path` of its file,
    which is what is touched and shown to users."""

    name: str
    path: str
    _folders: _Folders = field(default_factory=_Folders, repr=False, compare=False)

    @cached_property
    def place(self) -> str:
        """The path with all links in its folder followed, but not the file itself."""
        path = Path(self.path)
        return os.path.join(self._folders[str(path.parent)], path.name)  # noqa: PTH118  a str

    @property
    def folder(self) -> str:
        """The folder of `place`."""
        return str(Path(self.place).parent)


def as_items(paths: Iterable[tuple[str, str]]) -> list[Item]:
    """Items of one operation, from names and paths. They share the resolved links."""
    folders = _Folders()
    return [Item(name, path, folders) for name, path in paths]


@dataclass(frozen=True)
class Origin:
    """The run that judged the files: its work_dir, if known; otherwise `written`, the time stamp
    (ns) of a file of results."""

    work_dir: Path | None = None
    written: int | None = None

    def items(self, names: Iterable[str]) -> list[Item]:
        """The images of these names, where the run found them."""
        place = placed_by(self.work_dir)
        return as_items((name, place(name)) for name in names)

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Bytes of each image when the run read it, by name."""
        return {name: size for name, (_, size, _) in self.measures.items()}

    @cached_property
    def measures(self) -> dict[str, tuple[int, int, float]]:
        """Pixels, bytes and sharpness (the statistic `blur`) of each image of the run, by name;
        {} without statistics."""
        if self.work_dir is None:
            return {}
        try:
            table = results.read_all_stats(self.work_dir)
        except (FastdupError, OSError):
            return {}
        if table is None or not {"size", "file_size"} <= set(table):
            return {}
        sharpness = table["blur"] if "blur" in table else np.zeros(len(table))
        rows = zip(table["filename"], table["size"], table["file_size"], sharpness, strict=True)
        return {name: (int(pixels), int(size), float(sharp)) for name, pixels, size, sharp in rows}

    @cached_property
    def finished(self) -> dict[str, int | None]:
        """When the run (or the first of the runs that it joined) had read its images of each kind,
        in ns; if that is not known, when it ended."""
        return {kind: self._finished(kind) for kind in (names.TRAIN, names.TEST)}

    @cached_property
    def _only_test(self) -> frozenset[str]:
        """The images that the run found in test_dir only."""
        if self.work_dir is None:
            return frozenset()
        try:
            test = results.read_test_filenames(self.work_dir)
            train = results.read_filenames(self.work_dir) if test else []
        except (FastdupError, OSError):
            return frozenset()
        return frozenset(test).difference(train)

    def _finished(self, kind: str) -> int | None:
        if self.work_dir is None:
            return self.written
        joined = (read_json(self.work_dir / names.JOINED) or {}).get("read_ns")
        times = [joined] if isinstance(joined, int) and kind == names.TRAIN else []
        for name in (names.FEATURES.format(kind=kind), names.CONFIG):
            if (path := self.work_dir / name).is_file():
                return min([*times, path.stat().st_mtime_ns])
        return self.written

    def problem(self, item: Item) -> str | None:
        """Why a file must be left alone; None if it may go."""
        try:
            os.lstat(item.path)
        except (OSError, ValueError):
            return self._why_missing(item.path)
        try:
            status = Path(item.path).stat()
        except OSError:
            return "it is a broken link"
        if not stat.S_ISREG(status.st_mode):
            return "it is not a regular file"
        return self._change(item.name, status)

    def _why_missing(self, path: str) -> str:
        if is_remote(path):
            return REMOTE
        try:
            if self._in_archive[os.path.dirname(path)]:  # noqa: PTH120  called for every file
                return IN_ARCHIVE
        except (OSError, ValueError):
            return "it is not a valid file name"
        if not Path(path).is_absolute():
            return "there is no such file (any more) relative to the current folder"
        return "there is no such file (any more)"

    @cached_property
    def _in_archive(self) -> _Archives:
        return _Archives()

    def _change(self, name: str, status: os.stat_result) -> str | None:
        size = self.sizes.get(name)
        if size is not None and size != status.st_size:
            return f"it changed since the run: it had {size} bytes and now has {status.st_size}"
        finished = self.finished[names.TEST if name in self._only_test else names.TRAIN]
        if finished is not None and _written(status) > finished:
            return "it was written after the run"
        return None


def _written(status: os.stat_result) -> int:
    """When a file was last written, in ns. The clock of a camera may be ahead, and renaming changes
    a POSIX ctime, so both are needed (on Windows ctime is when the file was created)."""
    if os.name == "nt":
        return status.st_mtime_ns
    return min(status.st_mtime_ns, status.st_ctime_ns)


def same_files(
    names: Iterable[str], others: Iterable[str], work_dir: Path | None = None
) -> list[bool]:
    """For each two names of the run in `work_dir`, whether they denote one path, for example
    relative and absolute, or through a link to a folder. Links to files and hard links count as
    separate files."""
    folders, path = _Folders(), placed_by(work_dir)
    return [
        a[a.rfind(os.sep) + 1 :] == b[b.rfind(os.sep) + 1 :]  # quick, as most differ
        and Item(a, path(a), folders).place == Item(b, path(b), folders).place
        for a, b in zip(names, others, strict=True)
    ]


def sort_out(
    items: Iterable[Item], origin: Origin, kept: Iterable[Item] = ()
) -> tuple[list[Item], list[tuple[str, str]]]:
    """The items that may go, each file once, and the paths of the others with the reason.

    A file of `kept` stays, under whatever name, and so does one that a kept link points to.
    """
    staying = {place for item in kept for place in (item.place, os.path.realpath(item.path))}
    going: dict[str, Item] = {}
    refused = []
    for item in items:
        problem = origin.problem(item)
        if problem is None and item.place in staying:
            problem = "it is the file that is kept, under another name"
        if problem is not None:
            refused.append((item.path, problem))
        else:
            going.setdefault(item.place, item)
    return list(going.values()), refused
