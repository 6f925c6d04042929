"""Which images an extraction read, in what state: a later one over other images takes over the
rows of those that are the same."""

from __future__ import annotations

import contextlib
import hashlib
import struct
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastdup_gpu._errors import FastdupError
from fastdup_gpu.formats import names
from fastdup_gpu.formats.files import read_column, replacing
from fastdup_gpu.formats.results import read_stats
from fastdup_gpu.protocol import F32, F64, I64

Digests = NDArray[np.uint64]
"""u64[n, 2]: 128 bits of name and stamp of each item."""

_MEASURES = ("width", "height", "file_size")
# What reading a damaged record raises, or files that do not fit it.
_UNFIT = (
    OSError,
    ValueError,
    KeyError,
    IndexError,
    EOFError,
    RuntimeError,
    MemoryError,
    SyntaxError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    FastdupError,
)


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of an earlier extraction: `features` f32[n, d], `measures` f64[n, 3 + m]: width, height
    and bytes of each image, then its statistics (zeros and none, if none were written)."""

    features: F32
    measures: F64


class Recorded:
    """Items (at least one), found by their digests."""

    def __init__(self, digests: Digests) -> None:
        self._order = np.lexsort((digests[:, 1], digests[:, 0]))
        self._sorted = digests[self._order]

    def find(self, digests: Digests) -> I64:
        """The position of each item, -1 if there is none."""
        at = np.searchsorted(self._sorted[:, 0], digests[:, 0])
        at = np.minimum(at, len(self._sorted) - 1)
        same = (self._sorted[at] == digests).all(axis=1)
        found: I64 = np.where(same, self._order[at], -1)
        return found


class Earlier(Recorded):
    """The rows of a finished extraction, found by the digests of the items."""

    def __init__(self, digests: Digests, rows: Rows) -> None:
        super().__init__(digests)
        self._rows = rows

    def take(self, rows: I64) -> Rows:
        """Copies of these rows."""
        return Rows(np.array(self._rows.features[rows]), self._rows.measures[rows])


def identity(name: str, stamp: bytes) -> bytes:
    """What tells an item from others, and from itself in another state."""
    return name.encode("utf-8", "surrogateescape") + b"\0" + stamp


def digests_of(identities: Iterable[bytes]) -> Digests:
    """128 bits of each."""
    found = b"".join(hashlib.blake2b(each, digest_size=16).digest() for each in identities)
    return np.frombuffer(found, "<u8").reshape(-1, 2)


def read_items(folder: Path) -> Recorded | None:
    """The items of the finished extractions in a work_dir; None if there are none."""
    found: list[Digests] = [np.empty((0, 2), np.uint64)]
    for kind in (names.TRAIN, names.TEST):
        with (
            contextlib.suppress(*_UNFIT),
            np.load(_path(folder, kind), allow_pickle=False) as stored,
        ):
            found.append(stored["digests"].reshape(-1, 2))
    digests = np.concatenate(found)
    return Recorded(digests) if len(digests) else None


def open_earlier(
    folder: Path, kind: str, settings: str, statistics: Sequence[str]
) -> Earlier | None:
    """The finished extraction in a work_dir; None if there is none with these settings, if its
    files are no longer those that it wrote, or if it has no rows. `statistics`: the columns of the
    csv that follow from pixels, or () if none is written."""
    try:
        with np.load(_path(folder, kind), allow_pickle=False) as stored:
            record = {name: stored[name] for name in stored.files}
        if str(record["settings"]) != settings:
            return None
        if record["sizes"].tolist() != _sizes(folder, kind, with_stats=bool(statistics)):
            return None
        good = np.delete(np.arange(len(record["digests"])), record["bad"])
        if not len(good):
            return None
        return Earlier(record["digests"][good], _rows(folder, kind, len(good), statistics))
    except _UNFIT:
        return None


def write_items(
    folder: Path, kind: str, settings: str, digests: Digests, first: int, *, with_stats: bool
) -> None:
    """Record the items of a finished extraction, the first of which has the index `first`."""
    listed = read_column(folder / names.BAD_CSV.format(kind=kind), "index")
    record: dict[str, Any] = {
        "settings": settings,
        "sizes": _sizes(folder, kind, with_stats=with_stats),
        "digests": digests,
        "bad": np.array([int(index) - first for index in listed], np.int64),
    }
    if not _is_stored(_path(folder, kind), record):
        with replacing(_path(folder, kind), "wb") as stream:
            np.savez(stream, **record)


def forget_items(folder: Path, kind: str) -> None:
    """Remove the record before the files that it describes are replaced."""
    _path(folder, kind).unlink(missing_ok=True)


def _is_stored(path: Path, record: dict[str, Any]) -> bool:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return all(np.array_equal(stored[name], value) for name, value in record.items())
    except _UNFIT:
        return False


def _path(folder: Path, kind: str) -> Path:
    return folder / names.ITEMS.format(kind=kind)


def _sizes(folder: Path, kind: str, *, with_stats: bool) -> list[int]:
    made = [names.FEATURES, names.FEATURES_CSV, *([names.STATS_CSV] if with_stats else [])]
    return [(folder / name.format(kind=kind)).stat().st_size for name in made]


def _rows(folder: Path, kind: str, count: int, statistics: Sequence[str]) -> Rows:
    path = folder / names.FEATURES.format(kind=kind)
    dim = path.stat().st_size // (4 * count)
    features: F32 = np.memmap(path, np.float32, "r", shape=(count, dim))
    if not statistics:
        return Rows(features, np.zeros((count, len(_MEASURES))))
    table = read_stats(folder / names.STATS_CSV.format(kind=kind))
    if len(table) != count:
        raise ValueError(f"{len(table)} rows of statistics for {count} of features")
    return Rows(features, table[[*_MEASURES, *statistics]].to_numpy(np.float64))
