"""Which files may be taken away, and where to: the trash beside the data, or another folder.

A file is left alone, with the reason, where it is not what the run saw: missing, changed, inside
an archive, remote, or the very file that is to be kept.
"""

from __future__ import annotations

import logging
import os
import stat
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from fastdup_gpu._errors import FastdupError
from fastdup_gpu._words import count
from fastdup_gpu.analysis.journal import (
    LOG_NAME,
    Move,
    Outcome,
    move_all,
    timestamp,
    undo,
)
from fastdup_gpu.formats import names, results
from fastdup_gpu.sources.base import is_remote

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Item:
    """A picture: its `name` in the results, and the `path` of the file that is meant by it."""

    name: str
    path: str

    @property
    def place(self) -> str:
        """The path with all links in its folder followed, but not the file itself."""
        path = Path(self.path)
        return str(path.parent.resolve() / path.name)

    @property
    def folder(self) -> str:
        """The folder of `place`."""
        return str(Path(self.place).parent)


@dataclass(frozen=True)
class Origin:
    """The run that judged the files: its work_dir, where known. `written`: time stamp (ns) of a
    file of results, for files of unknown size."""

    work_dir: Path | None = None
    written: int | None = None

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Bytes of each picture when the run read it, by name."""
        return {name: size for name, (_, size) in self.measures.items()}

    @cached_property
    def measures(self) -> dict[str, tuple[int, int]]:
        """Pixels and bytes of each picture of the run, by name; {} without statistics."""
        if self.work_dir is None:
            return {}
        try:
            table = results.read_stats(self.work_dir)
        except (FastdupError, OSError):
            return {}
        if not {"size", "file_size"} <= set(table):
            return {}
        rows = zip(table["filename"], table["size"], table["file_size"], strict=True)
        return {name: (int(pixels), int(size)) for name, pixels, size in rows}

    @cached_property
    def finished(self) -> int | None:
        """When the run ended, in ns."""
        if self.work_dir is not None and (config := self.work_dir / names.CONFIG).is_file():
            return config.stat().st_mtime_ns
        return self.written

    def problem(self, item: Item) -> str | None:
        """Why a file must be left alone; None where it may go."""
        try:
            os.lstat(item.path)
        except (OSError, ValueError):
            return _why_missing(item.path)
        try:
            status = Path(item.path).stat()
        except OSError:
            return "it is a link that leads nowhere"
        if not stat.S_ISREG(status.st_mode):
            return "it is no regular file"
        return self._change(item.name, status)

    def _change(self, name: str, status: os.stat_result) -> str | None:
        size = self.sizes.get(name)
        if size is not None:
            if size == status.st_size:
                return None
            return f"it changed since the run: it had {size} bytes and has {status.st_size}"
        if self.finished is not None and status.st_mtime_ns > self.finished:
            return "it was written after the run"
        return None


def sort_out(
    items: Iterable[Item], origin: Origin, kept: Iterable[Item] = ()
) -> tuple[list[Item], list[tuple[str, str]]]:
    """The items that may go, each file once, and the names of the others with the reason.

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
            refused.append((item.name, problem))
        else:
            going.setdefault(item.place, item)
    return list(going.values()), refused


def to_trash(items: Sequence[Item]) -> Outcome:
    """Move files to a trash folder beside them, on their own file system, with an undo log."""
    if not items:
        return Outcome()
    stamp = timestamp()
    moves, first = [], None
    for root, members in _roots(items):
        trash = Path(root, names.TRASH_DIR, stamp)
        first = first or trash
        moves += [Move(i.name, i.place, _below(trash, i.place, root)) for i in members]
    return move_all(moves, Path(first or ".", LOG_NAME))


def to_folder(items: Sequence[Item], folder: Path) -> Outcome:
    """Move files to `folder`, below which they keep their sub-folders (counted from the folder
    that they have in common), with an undo log in it."""
    if not items:
        return Outcome()
    root = os.path.commonpath([item.folder for item in items])
    target = folder.resolve()
    moves = [Move(item.name, item.place, _below(target, item.place, root)) for item in items]
    return move_all(moves, target / f"{timestamp()}-{LOG_NAME}")


def bring_back(log: str | os.PathLike[str]) -> list[str]:
    """Undo the moves of a log; the paths that are files again, a warning for each other."""
    outcome = undo(log)
    for name, why in outcome.refused:
        _log.warning("left alone: %r (%s)", name, why)
    return outcome.done


def report(going: Sequence[str], refused: Sequence[tuple[str, str]], verb: str) -> None:
    """Print what would be done, a line a file; names with odd characters are shown escaped."""
    for name in going:
        print(f"would {verb}: {name!r}")
    for name, why in refused:
        print(f"would leave alone: {name!r} ({why})")
    print(f"{count(len(going), 'file')} to {verb}, {len(refused)} left alone; nothing was touched")


def summarize(outcome: Outcome, verb: str) -> None:
    """Print how many files went, and how to take it back; log those that stayed."""
    for name, why in outcome.refused:
        _log.warning("left alone: %r (%s)", name, why)
    print(f"{verb} {count(len(outcome.done), 'file')}, left {len(outcome.refused)} alone")
    if outcome.log is not None and outcome.done:
        print(f"to take it back: fastdup-gpu undo {str(outcome.log)!r}")


def _why_missing(path: str) -> str:
    if is_remote(path):
        return "it is not on this machine"
    try:
        if any(parent.is_file() for parent in Path(path).parents):
            return "it is inside an archive, which is left whole"
    except (OSError, ValueError):
        return "it is no possible file name"
    return "there is no such file (any more)"


def _roots(items: Sequence[Item]) -> Iterable[tuple[str, list[Item]]]:
    """The folder to put a trash into, with the files that go there: for all files of a file
    system the folder they have in common, or each one's own where that cannot be used."""
    by_disk: dict[int, list[Item]] = defaultdict(list)
    for item in items:
        by_disk[os.lstat(item.place).st_dev].append(item)
    for disk, members in by_disk.items():
        root = os.path.commonpath([item.folder for item in members])
        if Path(root).stat().st_dev == disk and os.access(root, os.W_OK | os.X_OK):
            yield root, members
            continue
        by_folder: dict[str, list[Item]] = defaultdict(list)
        for item in members:
            by_folder[item.folder].append(item)
        yield from by_folder.items()


def _below(top: Path, place: str, root: str) -> str:
    return str(top / Path(place).relative_to(root))
