"""Moves removed files to a trash folder beside them, or to another folder."""

from __future__ import annotations

import logging
import os
import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from fastdup_gpu._words import count, say
from fastdup_gpu.analysis.journal import (
    LOG_NAME,
    Move,
    Outcome,
    move_all,
    reason,
    timestamp,
    undo,
)
from fastdup_gpu.analysis.removal import Item
from fastdup_gpu.formats import names
from fastdup_gpu.formats.files import prepare_folder

_log = logging.getLogger(__name__)


def movable(items: Iterable[Item]) -> tuple[list[Item], list[tuple[str, str]]]:
    """The items whose folders are writable, and the paths of the others with the reason."""
    going, refused = [], []
    writable: dict[str, bool] = {}
    for item in items:
        folder = item.folder
        if folder not in writable:
            writable[folder] = _is_writable(folder)
        if writable[folder]:
            going.append(item)
        else:
            refused.append((item.path, "its folder is not writable"))
    return going, refused


def to_trash(items: Sequence[Item]) -> Outcome:
    """Move files to a trash folder beside them, on their own file system, with an undo log in the
    first of these folders. Files for which none can be created stay."""
    stamp = timestamp()
    moves: list[Move] = []
    refused: list[tuple[str, str]] = []
    log = None
    for root, members in _roots(items):
        trash = Path(root, names.TRASH_DIR, stamp)
        try:
            trash.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            why = f"no trash folder can be created beside it: {reason(error)}"
            refused += [(item.path, why) for item in members]
            continue
        log = log or trash / LOG_NAME
        moves += [Move(i.path, i.place, _below(trash, i.place, root)) for i in members]
    outcome = Outcome() if log is None else move_all(moves, log)
    outcome.refused[:0] = refused
    return outcome


def to_folder(items: Sequence[Item], folder: Path) -> Outcome:
    """Move files to `folder`, where they keep their sub-folders (relative to the folder that they
    have in common), with an undo log in it. Raises WorkDirError if it cannot be written to."""
    if not items:
        return Outcome()
    prepare_folder(folder, "save_path")
    root = os.path.commonpath([item.folder for item in items])
    target = folder.resolve()
    moves = [Move(item.path, item.place, _below(target, item.place, root)) for item in items]
    return move_all(moves, target / f"{timestamp()}-{LOG_NAME}")


def bring_back(log: str | os.PathLike[str]) -> list[str]:
    """Undo the moves of a log; returns the paths restored, and logs a warning for each other."""
    outcome = undo(log)
    for name, why in outcome.refused:
        _log.warning("left alone: %r (%s)", name, why)
    return outcome.done


def report(
    going: Sequence[str],
    refused: Sequence[tuple[str, str]],
    verb: str,
    stays: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Print what would be done, one line per file; names with odd characters are shown escaped.

    `stays`: for each file that goes, those that stay in its place, printed once for each group.
    """
    shown: Sequence[str] = ()
    for name in going:
        staying = (stays or {}).get(name, ())
        if staying != shown:
            for other in staying:
                say(f"stays: {other!r}")
            shown = staying
        say(f"would {verb}: {name!r}")
    for name, why in refused:
        say(f"would leave alone: {name!r} ({why})")
    say(f"{count(len(going), 'file')} to {verb}, {len(refused)} left alone; nothing was touched")


def summarize(outcome: Outcome, verb: str) -> None:
    """Print how many files were moved and how to undo it; log those that were left alone."""
    for name, why in outcome.refused:
        _log.warning("left alone: %r (%s)", name, why)
    lines = [f"{verb} {count(len(outcome.done), 'file')}, {len(outcome.refused)} left alone"]
    if outcome.log is not None and outcome.done:
        lines.append(f"to undo: fastdup-gpu undo {shlex.quote(str(outcome.log))}")
    try:
        for line in lines:
            say(line)
    except OSError:  # the reader is gone, or the disk is full
        _log.warning("%s", "; ".join(lines))
        raise


def _roots(items: Sequence[Item]) -> Iterable[tuple[str, list[Item]]]:
    """The folders for the trash, each with the files that go there: the folder that all files of a
    file system have in common, or each file's own if that cannot be used."""
    by_disk: dict[int, list[Item]] = defaultdict(list)
    for item in items:
        by_disk[os.lstat(item.place).st_dev].append(item)
    for disk, members in by_disk.items():
        root = os.path.commonpath([item.folder for item in members])
        if Path(root).stat().st_dev == disk and _is_writable(root):
            yield root, members
            continue
        by_folder: dict[str, list[Item]] = defaultdict(list)
        for item in members:
            by_folder[item.folder].append(item)
        yield from by_folder.items()


def _is_writable(folder: str) -> bool:
    return os.access(folder, os.W_OK | os.X_OK)


def _below(top: Path, place: str, root: str) -> str:
    return str(top / Path(place).relative_to(root))
