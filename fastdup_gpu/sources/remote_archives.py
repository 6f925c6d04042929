"""Archives on a server: copied to the work_dir, read there, and deleted if requested."""

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
from fastdup_gpu.sources.base import ALL, Part
from fastdup_gpu.sources.copies import Copies
from fastdup_gpu.sources.copies_read import copies_read
from fastdup_gpu.sources.endpoints import is_cloud
from fastdup_gpu.sources.members import Contents, OpenFiles
from fastdup_gpu.sources.named import NamedArchive, splits
from fastdup_gpu.sources.named import open_archive as open_local_archive

if TYPE_CHECKING:
    from fastdup_gpu.sources.cloud import Wishes

_log = logging.getLogger(__name__)
_opening = threading.Lock()


class RemoteArchives(ArchiveSource):
    """Archives, remote ones read from copies; members are named `{URL}/{member}`.

    Archives after the end of the requested part are not copied. With delete_tar=1, a copy is
    deleted as soon as all its images in that part have been read, and the rest by close(). Between
    listing and reading, copies are kept only as long as they fill less than half of the free space;
    others are copied again when they are read.
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
        """Close the archives; delete the copies if requested."""
        super().close()
        self._forget()

    def _forget(self) -> None:
        for archive in self._copied:
            archive.close()


class RemoteArchive(Contents):
    """One archive by its URL, read from a copy that is made when needed."""

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
        """Copy and list the archive, of which `part` will be read. The copy is deleted again if it
        is larger than `room` bytes (None = unlimited) or not needed; returns the remaining room."""
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
        """The bytes of a member; `files` is not used."""
        with self._copy(position):
            return self._inside.read(position, self._files)

    def close(self) -> None:
        """Close the copy; delete it if requested."""
        self._files.close()
        if self._delete:
            self._copies.remove_all([self.path])

    @contextmanager
    def _copy(self, position: int) -> Iterator[None]:
        """Keep the copy while a member is read; delete it after the last one."""
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
        _log.info("copying %r again to read it", self.path)
        self._copies.fetch(self.path)
        if self._copies.etag(self.path) != self._etag:
            raise OSError(errno.EIO, "the archive changed while it was being read; run again")


def split(url: str) -> list[tuple[str, str]]:
    """The URL of the archive in the name of a member, and the member; [] if there is none. If
    several parts are named like an archive, the longest URL is the first."""
    return [*splits(url, len("s3://"))][::-1]


def locate(url: str, work_dir: Path | None) -> tuple[str, str] | None:
    """The archive in a name and the member, with the archive named by its copy in the work_dir of a
    run if there is one that it has read; None if there is none."""
    found = split(url)
    if work_dir is not None:
        for archive, member in found:
            if copy := copies_read(work_dir).find(archive, url):
                return str(copy), member
    return next(iter(found), None)


def read_copy(url: str, work_dir: Path) -> bytes:
    """The bytes of an object, or of a member of an archive, from the copy in the work_dir of a run;
    raises FileNotFoundError if there is none that it has read."""
    if copy := copies_read(work_dir).find(url, url):
        return read_file(str(copy))
    found = locate(url, work_dir)
    if found is None or is_cloud(found[0]):
        raise FileNotFoundError(errno.ENOENT, "no copy", url)
    return open_local_archive(found[0]).read(found[1])


def read_member(url: str) -> bytes:
    """The bytes of a member of an archive, read as by `open_archive`; raises
    FileNotFoundError if there is none."""
    missing = FileNotFoundError(errno.ENOENT, "not a member of an archive", url)
    for archive, member in split(url):
        try:
            return open_archive(archive).read(member)
        except FileNotFoundError as error:
            missing = error
    raise missing


def open_archive(url: str) -> NamedArchive:
    """Open an archive outside a run, with a copy in a temporary folder. Raises FileNotFoundError if
    the archive does not exist."""
    with _opening:  # or every thread would make its own copy
        return _opened(url, os.getpid())


@lru_cache(maxsize=4)
def _opened(url: str, process: int) -> NamedArchive:
    folder = tempfile.TemporaryDirectory()  # deleted when nobody uses the archive
    archive = RemoteArchive(url, Copies(Path(folder.name)), delete=False)
    archive.list(None, ALL)
    if not archive.labels:
        raise FileNotFoundError(errno.ENOENT, archive.why or f"no images in {url!r}")
    return NamedArchive(archive, keeps=folder)
