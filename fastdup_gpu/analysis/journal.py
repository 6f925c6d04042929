"""Moves files so that every move can be undone.

All moves of one operation are written to a log, one JSON line each, and the log is flushed to
disk before the first file is touched. Nothing is ever overwritten, neither by a move nor by
undoing it. Undoing compares the log with where each file actually is, so an operation that was
interrupted at any point can be undone.
"""

from __future__ import annotations

import contextlib
import errno
import filecmp
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from fastdup_gpu._arguments import path_text
from fastdup_gpu._errors import FormatError, InvalidArgument, WorkDirError
from fastdup_gpu.formats.files import parse_json

LOG_NAME = "undo.jsonl"
FORMAT = "fastdup-gpu undo 1"
_TAKEN = "there is already a file at its destination"


@dataclass(frozen=True, slots=True)
class Move:
    """One file: the `name` shown to users, where it is, where it goes (absolute paths)."""

    name: str
    source: str
    target: str


@dataclass(slots=True)
class Outcome:
    """The result for files: names that are `done`, names `refused` with the reason, the `log`."""

    done: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    log: Path | None = None


def timestamp() -> str:
    """The time in UTC as the name of a folder, such as 20260131T235959.123456Z."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")


def move_all(moves: Sequence[Move], log: Path) -> Outcome:
    """Move files, after writing `log`, which must not exist. A file that cannot be moved is
    refused with the reason, and the others are still moved. Raises WorkDirError, and moves
    nothing, if the log cannot be written."""
    outcome = Outcome(log=log)
    # Not in the log, so that undoing never mistakes the file that is there for one of ours.
    free = [move for move in moves if not os.path.lexists(move.target)]
    kept = set(free)
    outcome.refused += [(move.name, _TAKEN) for move in moves if move not in kept]
    _write_log(log, free)
    for move in free:
        try:
            Path(move.target).parent.mkdir(parents=True, exist_ok=True)
            move_without_overwriting(move.source, move.target)
        except OSError as error:
            outcome.refused.append((move.name, reason(error)))
        else:
            outcome.done.append(move.name)
    return outcome


def undo(log: str | os.PathLike[str]) -> Outcome:
    """Undo the moves of a log, the last first; `log` may be the folder that contains it. A file is
    left alone if its original place is taken, or if it is not where the log says. Raises
    FormatError for a file that is not such a log."""
    path = Path(path_text("log", log))
    path = path / LOG_NAME if path.is_dir() else path
    outcome = Outcome(log=path)
    moves = read_log(path)
    for move in reversed(moves):
        problem = _take_back(move)
        if problem is None:
            outcome.done.append(move.source)
        elif problem:
            outcome.refused.append((move.source, problem))
    for folder in sorted({Path(move.target).parent for move in moves}, reverse=True):
        _remove_empty_folders(folder)
    return outcome


def read_log(log: Path) -> list[Move]:
    """The moves of a log, in order; a truncated last line is left out, because its file was never
    touched."""
    try:
        lines = log.read_text(encoding="utf-8").split("\n")
        head = parse_json(lines[0])
        if not isinstance(head, dict) or head.get("format") != FORMAT:
            raise ValueError(f"no line with the format {FORMAT!r}")
        return [_move(parse_json(line)) for line in lines[1:-1]]
    except FileNotFoundError as error:
        raise InvalidArgument(f"{str(log)!r} does not exist; give the {LOG_NAME} file") from error
    except (ValueError, TypeError) as error:
        raise FormatError(f"{str(log)!r} is not an undo log of fastdup-gpu: {error}") from error


def _move(entry: dict[str, str]) -> Move:
    move = Move(**entry)
    for path in (move.name, move.source, move.target):
        os.fsencode(path)  # raises TypeError, or ValueError for an impossible file name
    return move


def move_without_overwriting(source: str, target: str) -> None:
    """Move a file or a link (not what it points to); raises FileExistsError if `target` exists.
    Whenever it raises, `source` is unchanged."""
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        raise
    except (OSError, NotImplementedError):  # another file system, or one without hard links
        if os.path.lexists(target):
            raise FileExistsError(target) from None
        _rename_or_copy(source, target)
    else:
        _drop(source, target)


def reason(error: OSError) -> str:
    """The cause of an OSError in words."""
    if isinstance(error, FileExistsError):
        return _TAKEN
    return error.strerror or str(error)


def _rename_or_copy(source: str, target: str) -> None:
    try:
        Path(source).rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy(source, target)
        _drop(source, target)


def _copy(source: str, target: str) -> None:
    """Copy to another file system; afterwards `target` is complete and flushed to disk."""
    partial = _partial(target)
    partial.unlink(missing_ok=True)
    try:
        shutil.copy2(source, partial, follow_symlinks=False)
        _flush(partial)
        partial.rename(target)
        _flush(Path(target).parent)
    finally:
        partial.unlink(missing_ok=True)


def _partial(target: str) -> Path:
    """A copy that is not complete yet. Undoing finds it by its name, which is short however long
    the name of the target is."""
    name = hashlib.sha256(os.fsencode(Path(target).name)).hexdigest()[:16]
    return Path(target).with_name(f".{name}.partial")


def _drop(source: str, target: str) -> None:
    try:
        Path(source).unlink()
    except OSError:
        Path(target).unlink(missing_ok=True)
        raise


def _flush(path: str | Path) -> None:
    """Flush a file, or the entries of a folder, to disk if the system supports it."""
    if Path(path).is_symlink():
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _write_log(log: Path, moves: Iterable[Move]) -> None:
    try:
        _write_lines(log, moves)
    except OSError as error:
        raise WorkDirError(
            f"the undo log {str(log)!r} cannot be written ({error.strerror or error}), so nothing "
            "was moved; it needs free space in a folder that you can write to"
        ) from error


def _write_lines(log: Path, moves: Iterable[Move]) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("x", encoding="utf-8") as stream:
        lines: Iterable[object] = ({"format": FORMAT}, *map(asdict, moves))
        # ASCII escapes represent any name, including bytes that are not UTF-8.
        stream.writelines(json.dumps(line) + "\n" for line in lines)
        stream.flush()
        os.fsync(stream.fileno())
    _flush(log.parent)


def _take_back(move: Move) -> str | None:
    """None if the file is back, '' if it was never moved, otherwise why it stays."""
    try:
        _partial(move.target).unlink(missing_ok=True)  # interrupted during a move to another disk
        here, there = os.path.lexists(move.source), os.path.lexists(move.target)
        if here and there and _are_one(move.source, move.target):
            Path(move.target).unlink()  # interrupted between the two steps of a move
            return ""
        if not there:
            return "" if here else f"it is no longer at {move.target!r}"
        Path(move.source).parent.mkdir(parents=True, exist_ok=True)
        move_without_overwriting(move.target, move.source)
    except OSError as error:
        return reason(error)
    return None


def _are_one(source: str, target: str) -> bool:
    """Whether two names refer to one file, or to a file and its full copy on another disk."""
    if os.path.samestat(os.lstat(source), os.lstat(target)):
        return True
    if Path(source).is_symlink() or Path(target).is_symlink():
        return False
    with contextlib.suppress(OSError):
        return filecmp.cmp(source, target, shallow=False)
    return False


def _remove_empty_folders(folder: Path) -> None:
    """Remove a folder that undoing left empty, and its parents that are then empty."""
    with contextlib.suppress(OSError):
        for each in (folder, *folder.parents):
            each.rmdir()
