"""The record that the features in a work_dir were joined, and from which files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastdup_gpu.formats import names
from fastdup_gpu.formats.features import feature_paths
from fastdup_gpu.formats.files import read_json, write_json

Record = dict[str, Any]


def begin(folder: Path, files: list[Path]) -> Record:
    """Record that `files` are being joined; if this is killed, they are joined again."""
    record: Record = {"from": _sources(files), "own": None, "read_ns": _read_ns(files)}
    (folder / names.JOINED).parent.mkdir(exist_ok=True)
    write_json(folder / names.JOINED, record)
    return record


def finish(folder: Path, record: Record) -> None:
    """Record that the joined features were written."""
    write_json(folder / names.JOINED, {**record, "own": _stamp(feature_paths(folder)[0])})


def joined_before(folder: Path) -> bool:
    """Whether the features in a work_dir were joined by an earlier run."""
    record, own = read_json(folder / names.JOINED), feature_paths(folder)[0]
    if record is None or not own.is_file():
        return False
    return record.get("own") in (None, _stamp(own))


def unchanged(folder: Path, files: list[Path]) -> bool:
    """Whether that run finished, and joined the same, unchanged files."""
    record = read_json(folder / names.JOINED)
    whole = record is not None and record.get("own") == _stamp(feature_paths(folder)[0])
    return whole and record is not None and bool(record.get("from") == _sources(files))


def without_joined(files: list[Path]) -> list[Path]:
    """The files without those that were joined from others among them, whose rows would count
    twice."""
    here = {str(dat.absolute()) for dat in files}
    return [dat for dat in files if not (parts := _joined_from(dat)) or not parts <= here]


def _joined_from(dat: Path) -> set[str]:
    record = read_json(dat.parent / names.JOINED) if joined_before(dat.parent) else None
    sources = record.get("from") if record else None
    if not isinstance(sources, list):
        return set()
    return {str(source[0]) for source in sources if isinstance(source, list) and source}


def _sources(files: list[Path]) -> list[list[Any]]:
    return [[str(dat.absolute()), *_stamp(dat)] for dat in files]


def _read_ns(files: list[Path]) -> int:
    """The earliest time at which an image behind `files` may have been read."""
    joined = (
        read_json(d.parent / names.JOINED) if joined_before(d.parent) else None for d in files
    )
    known = [ns for record in joined if record and isinstance(ns := record.get("read_ns"), int)]
    return min([*known, *(dat.stat().st_mtime_ns for dat in files)])


def _stamp(dat: Path) -> list[int]:
    """Sizes and times of a features file and its csv; [] for a missing one."""
    stamp: list[int] = []
    for path in (dat, dat.with_name(dat.name + ".csv")):
        if path.is_file():
            status = path.stat()
            stamp += [status.st_size, status.st_mtime_ns]
    return stamp
