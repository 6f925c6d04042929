"""Archives on a server: copied to the work_dir, read there, deleted where that is wished."""

from __future__ import annotations

import errno
import logging
import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from fastdup_gpu._progress import Advance
from fastdup_gpu.reading import read_file
from fastdup_gpu.sources.archives import ArchiveSource, check_listed, list_archive
from fastdup_gpu.sources.archives import read_member as read_local_member
from fastdup_gpu.sources.base import ALL, Part, is_archive
from fastdup_gpu.sources.copies import Copies
from fastdup_gpu.sources.endpoints import is_cloud
from fastdup_gpu.sources.members import Contents, OpenFiles

if TYPE_CHECKING:
    from fastdup_gpu.sources.cloud import Wishes

_log = logging.getLogger(__name__)
_opening = threading.Lock()


class RemoteArchives(ArchiveSource):
    """Archives, remote ones by their copies; members are named below the URL.

    Archives behind the end of the part that is wished for are not copied. With delete_tar=1, a
    copy goes as soon as all its pictures of that part have been read, and the rest with close().
    Between listing and
    reading, copies stay only as long as they fill less than half of the free disk; others are
    fetched a second time when it is their turn.
    """

    def __init__(self, paths: Sequence[str], copies: Copies, wishes: Wishes) -> None:
        self._copied: list[RemoteArchive] = []
        with wishes.counting("list archives", len(paths)) as advance:
            archives = self._list(paths, copies, wishes, advance)
        try:
            check_listed(archives)
        except BaseException:
            self._forget()
            raise
        super().__init__(archives)

    def _list(
        self, paths: Sequence[str], copies: Copies, wishes: Wishes, advance: Advance
    ) -> list[Contents]:
        room = copies.free() // 2 if wishes.delete_tar else None
        archives: list[Contents] = []
        part = wishes.part
        for path in paths:
            if is_cloud(path):
                archive = RemoteArchive(path, copies, delete=wishes.delete_tar)
                self._copied.append(archive)
                room = archive.list(room, part)
                archives.append(archive)
            else:
                archives.append(list_archive(path))
            advance(1, bool(archives[-1].why))
            part = part.after(archives[-1].items)
            if part.last == 0:
                break
        return archives

    def close(self) -> None:
        """Close the archives; delete the copies where that is wished."""
        super().close()
        self._forget()

    def _forget(self) -> None:
        for archive in self._copied:
            archive.close()


class RemoteArchive(Contents):
    """One archive by its URL, read from a copy that is made when it is needed."""

    def __init__(self, url: str, copies: Copies, *, delete: bool) -> None:
        super().__init__(url)
        self._copies, self._delete = copies, delete
        self._inside = Contents(url)
        self._etag = ""
        self._files = OpenFiles(most=1)
        self._lock = threading.Lock()
        self._readers = 0
        self._unread: set[int] = set()

    @property
    def sequential(self) -> bool:
        """Whether the archive is compressed as a whole."""
        return self._inside.sequential

    def list(self, room: int | None, part: Part) -> int | None:
        """Copy and list the archive, of which `part` will be read. A copy that is larger than
        `room` bytes, where that is not None, or not needed any more is deleted again; what is
        left of the room is returned."""
        if error := self._copies.failure(self.path):
            self.why = error.strerror or str(error)
            return room
        path = self._copies.path(self.path)
        self._etag = self._copies.etag(self.path)
        self.stamp = self._etag.encode()
        self._inside = list_archive(str(path))
        self.labels, self.left_out = self._inside.labels, self._inside.left_out
        self.why = self._inside.why
        self._unread = set(part.of(len(self.labels)))
        if room is None:
            return None
        size = path.stat().st_size
        if size > room or not self._unread:
            self._copies.remove(self.path)
            return room
        return room - size

    def read(self, position: int, files: OpenFiles) -> bytes:
        """The bytes of a member; `files` are those of other archives."""
        with self._copy(position):
            return self._inside.read(position, self._files)

    def close(self) -> None:
        """Close the copy; delete it where that is wished."""
        self._files.close()
        if self._delete:
            self._copies.remove_all([self.path])

    @contextmanager
    def _copy(self, position: int) -> Iterator[None]:
        """Hold the copy there while a member is read; delete it after the last one."""
        with self._lock:
            self._fetch_again()
            self._readers += 1
        try:
            yield
        finally:
            with self._lock:
                self._readers -= 1
                self._unread.discard(position)
                if not self._readers and not self._unread:
                    self.close()

    def _fetch_again(self) -> None:
        if self._copies.etag(self.path) == self._etag and self._copies.path(self.path).is_file():
            return
        _log.info("%r is copied again to be read", self.path)
        self._copies.fetch(self.path)
        if self._copies.etag(self.path) != self._etag:
            raise OSError(errno.EIO, "the archive changed while it was being read; run again")


def split(url: str) -> tuple[str, str]:
    """The URL of the archive in the name of a member, and the member; '' and '' where there is
    none."""
    start = len("s3://")
    for slash in (i for i, letter in enumerate(url) if letter == "/" and i > start):
        if is_archive(url[:slash]):
            return url[:slash], url[slash + 1 :]
    return "", ""


def read_copy(url: str, work_dir: Path) -> bytes:
    """The bytes of an object, or of a member of an archive, by the copy that a run left in its
    work_dir; raises FileNotFoundError where there is none."""
    copies = Copies(work_dir)
    archive, member = split(url)
    path = copies.path(url)
    if archive and not path.is_file():
        return read_local_member(f"{copies.path(archive)}/{member}")
    return read_file(str(path))


def read_member(archive: str, member: str) -> bytes:
    """The bytes of a member; the copy of its archive lives for a while in a temporary folder.
    Raises FileNotFoundError where there is no such archive or member."""
    with _opening:  # or every thread would make its own copy
        borrowed = _opened(archive, os.getpid())
    if member not in borrowed.positions:
        raise FileNotFoundError(errno.ENOENT, f"no such picture in {archive!r}")
    return borrowed.archive.read(borrowed.positions[member], OpenFiles())


@lru_cache(maxsize=4)
def _opened(url: str, process: int) -> _Borrowed:
    return _Borrowed(url)


class _Borrowed:
    """An archive outside of a run; its copy goes when nobody uses it."""

    def __init__(self, url: str) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.archive = RemoteArchive(url, Copies(Path(self._folder.name)), delete=False)
        self.archive.list(None, ALL)
        if not self.archive.labels:
            raise FileNotFoundError(errno.ENOENT, self.archive.why or f"no pictures in {url!r}")
        self.positions = {label: i for i, label in enumerate(self.archive.labels)}
