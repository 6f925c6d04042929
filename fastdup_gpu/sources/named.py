"""Members of archives by their names `{archive}/{member}`."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from fastdup_gpu.sources.archives import list_archive
from fastdup_gpu.sources.base import is_archive
from fastdup_gpu.sources.members import Contents, OpenFiles

_opening = threading.Lock()


class NamedArchive:
    """An archive whose members are read by name; of several with the same name, the last one.
    `keeps`: an object that must live as long."""

    def __init__(self, contents: Contents, keeps: object = None) -> None:
        self._contents = contents
        self._keeps = keeps
        self._files = OpenFiles()
        self.positions = {label: i for i, label in enumerate(contents.labels)}

    @property
    def sequential(self) -> bool:
        """Whether reads are cheap only in ascending order of `positions`."""
        return self._contents.sequential

    def read(self, member: str) -> bytes:
        """The bytes of a member; raises FileNotFoundError if there is none of that name."""
        if member not in self.positions:
            path = self._contents.path
            raise FileNotFoundError(errno.ENOENT, f"no such image in {path!r}", f"{path}/{member}")
        return self._contents.read(self.positions[member], self._files)


def open_archive(path: str) -> NamedArchive:
    """Open an archive; a few of them stay listed and open for the next calls. Raises OSError if it
    does not exist."""
    status = Path(path).stat()
    with _opening:  # or every thread would list it
        return _opened(path, status.st_mtime_ns, status.st_size, os.getpid())


@lru_cache(maxsize=64)
def _opened(path: str, mtime: int, size: int, process: int) -> NamedArchive:
    """An archive by path and state; `process` because open files are not shared after a fork."""
    return NamedArchive(list_archive(path))


def read_member(name: str) -> bytes:
    """The bytes of a member by its name; raises FileNotFoundError if the archive or the member does
    not exist."""
    found = split(name)
    if found is None:
        raise FileNotFoundError(errno.ENOENT, "neither a file nor a member of an archive", name)
    archive, member = found
    return open_archive(archive).read(member)


def split(name: str) -> tuple[str, str] | None:
    """The archive and the member in a name; None if no part of it is an archive."""
    return next((found for found in splits(name) if _is_file(found[0])), None)


def splits(name: str, start: int = 0) -> Iterator[tuple[str, str]]:
    """The ways to split a name after `start`: each part that is named like an archive, and the
    rest."""
    for slash in (i for i, letter in enumerate(name) if letter == "/" and i > start):
        if is_archive(name[:slash]):
            yield name[:slash], name[slash + 1 :]


def _is_file(path: str) -> bool:
    try:
        return Path(path).is_file()
    except OSError:
        return False
