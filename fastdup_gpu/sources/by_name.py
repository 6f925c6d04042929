"""Images by their names in result files: one, or many in the order in which reading is cheap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from fastdup_gpu.reading import read_file
from fastdup_gpu.sources import cloud, named
from fastdup_gpu.sources.endpoints import is_cloud
from fastdup_gpu.sources.named import NamedArchive

# For `read_each`: number of names it looks ahead, and of bytes that may wait for their turn.
_AHEAD, _WAITING = 1024, 128 << 20

Located = tuple[str, str]  # an archive, and a member of it


def read_by_name(name: str, work_dir: Path | None = None) -> bytes:
    """The bytes of an image by its name in a result file: a path, a URL, or `{archive}/{member}`.

    Remote images are read from the copies in `work_dir` that its run has read. Raises
    FileNotFoundError if the file or member does not exist, OSError if it cannot be read,
    MissingDependency for a URL without s3fs.
    """
    if is_cloud(name):
        return cloud.read_by_name(name, work_dir)
    try:
        return read_file(name)
    except (FileNotFoundError, NotADirectoryError):
        return named.read_member(name)


def locate(name: str, work_dir: Path | None = None) -> Located | None:
    """The archive and the member in a name; None for any other name. A remote archive is named by
    its copy in `work_dir` if there is one. Only for `stored_order`: it does not check whether the
    member exists."""
    try:
        return cloud.locate(name, work_dir) if is_cloud(name) else named.split(name)
    except (OSError, ValueError):  # reading it will show the reason
        return None


def stored_order(located: Sequence[Located | None]) -> Iterator[tuple[int, bool]]:
    """Positions in `located` in the best order for reading: plain files as given, then archive by
    archive, the members of each in the order of storage.

    The second value is True for members of an archive that is compressed as a whole. Going back in
    such an archive means unpacking it again, so one thread has to read them in this order. An
    archive is not opened before its turn.
    """
    archives: dict[str, list[int]] = {}
    for i, found in enumerate(located):
        if found is None:
            yield i, False
        else:
            archives.setdefault(found[0], []).append(i)
    for path, inside in archives.items():
        archive = _try_open(path)
        if archive is None:
            yield from ((i, False) for i in inside)
            continue
        stored = [(archive.positions.get(found[1], -1), i) for i in inside if (found := located[i])]
        yield from ((i, archive.sequential) for _, i in sorted(stored))


def _try_open(path: str) -> NamedArchive | None:
    """None if it cannot be opened; reading its members will show the reason."""
    try:
        return cloud.open_archive(path) if is_cloud(path) else named.open_archive(path)
    except (OSError, ValueError):
        return None


def read_each(names: Sequence[str]) -> Iterator[bytes | Exception]:
    """The result of `read_by_name` for each of `names`, in order: the bytes, or its OSError or
    ValueError.

    Members of an archive that is compressed as a whole are read in the order of storage and wait in
    memory. If too many would wait, the archive is read once more for the rest of them.
    """
    start = 0
    while start < len(names):
        ahead = names[start : start + _AHEAD]
        waiting, end = _read_ahead(ahead)
        for i in range(end):
            yield waiting.pop(i) if i in waiting else _try_read(ahead[i])
        start += end


def _read_ahead(names: Sequence[str]) -> tuple[dict[int, bytes | Exception], int]:
    """Read those of the first `end` names that must be read in the order of storage; returns them
    by position, and `end`: as many names as may wait, at least one."""
    waiting: dict[int, bytes | Exception] = {}
    read = lru_cache(maxsize=1)(_try_read)  # a name that occurs twice is read once
    size, end = 0, len(names)
    for i, sequential in stored_order([locate(name) for name in names]):
        if not sequential or i >= end:
            continue
        waiting[i] = read(names[i])
        size += _size(waiting[i])
        while size > _WAITING and len(waiting) > 1:
            end = max(waiting)
            size -= _size(waiting.pop(end))
    return waiting, end


def _size(read: bytes | Exception) -> int:
    return len(read) if isinstance(read, bytes) else 0


def _try_read(name: str) -> bytes | Exception:
    try:
        return read_by_name(name)
    except (OSError, ValueError) as error:
        return error
