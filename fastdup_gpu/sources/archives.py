"""Images in tar and zip archives, read in place: nothing is unpacked to disk."""

from __future__ import annotations

import errno
import logging
import stat
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

from fastdup_gpu._errors import InputError
from fastdup_gpu._progress import Counting, uncounted
from fastdup_gpu.reading import file_stamp
from fastdup_gpu.sources.base import ALL, Crop, Part
from fastdup_gpu.sources.members import Contents, OpenFiles
from fastdup_gpu.sources.tars import COMPRESSED, list_tar
from fastdup_gpu.sources.zips import list_zip

_log = logging.getLogger(__name__)


class ArchiveSource:
    """The images of some archives, archive by archive, in the order of storage.

    An image is named `{archive}/{member}`. If an archive cannot be listed to its end, the images
    found so far are followed by one more item with the name of the archive, whose load raises the
    reason.
    """

    crops: Sequence[Crop] = ()

    def __init__(self, archives: Sequence[Contents]) -> None:
        self.names: Sequence[str] = [name for archive in archives for name in _names(archive)]
        self.sequential = any(archive.sequential for archive in archives)
        self._archives = archives
        self._ends = list(accumulate(a.items for a in archives))
        self._files = OpenFiles()

    def load(self, index: int) -> bytes:
        """The bytes of member `index`."""
        which = self._which(index)
        archive = self._archives[which]
        position = index - (self._ends[which - 1] if which else 0)
        if position == len(archive.labels):
            raise OSError(errno.EIO, archive.why, archive.path)
        return archive.read(position, self._files)

    def path(self, index: int) -> str:
        """Always "", because a member is a part of a file."""
        return ""

    def stamp(self, index: int) -> bytes:
        """The stamp of its archive at the time of listing."""
        return self._archives[self._which(index)].stamp

    def close(self) -> None:
        """Close the archives."""
        self._files.close()

    def _which(self, index: int) -> int:
        if not 0 <= index < len(self.names):
            raise IndexError(index)
        return bisect_right(self._ends, index)


def open_archives(
    paths: Sequence[str], part: Part = ALL, counting: Counting = uncounted
) -> ArchiveSource:
    """List archives, each once, up to the end of `part`.

    Raises InputError if none of them contains an image, with the reasons for damaged ones.
    """
    archives: list[Contents] = []
    with counting("list archives", len(paths)) as advance:
        for path in paths:
            archives.append(list_archive(path))
            advance(1, bool(archives[-1].why))
            part = part.after(archives[-1].items)
            if part.last == 0:
                break
    check_listed(archives)
    return ArchiveSource(archives)


def check_listed(archives: Sequence[Contents]) -> None:
    """Log problems of the archives; raises InputError if none of them contains an image."""
    if not any(archive.labels for archive in archives):
        told = ((a, "; ".join(filter(None, (a.why, _left_out(a))))) for a in archives)
        reasons = [f"{a.path!r}: {why}" for a, why in told if why][:3]
        raise InputError(
            f"no images in {len(archives)} archive(s), the first is {archives[0].path!r}; expected "
            "files with extensions of images in a tar, compressed tar or zip. "
            f"{'; '.join(reasons)}"
        )
    for archive in archives:
        _report(archive)


def list_archive(path: str, also: frozenset[str] = frozenset()) -> Contents:
    """List the images of one archive, and members with the extensions `also`. Its kind is detected
    from its content. Never raises for a damaged archive."""
    stamp = file_stamp(path)
    listed = _listed(path, also)
    listed.stamp = stamp
    return listed


def _listed(path: str, also: frozenset[str]) -> Contents:
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):
            return Contents(path, why="it is a pipe, socket or device, not a regular file")
        with Path(path).open("rb") as stream:
            head = stream.read(512)
        if _is_zip(path, head):
            return list_zip(path, also)
        return list_tar(path, head, also)
    except (OSError, ValueError) as error:
        return Contents(path, why=getattr(error, "strerror", None) or str(error))


def _is_zip(path: str, head: bytes) -> bool:
    """Whether to read a file as a zip. A zip may begin with something else (a program that unpacks
    it), so a file with that extension counts as one unless it begins like a tar."""
    if head.startswith((b"PK\3\4", b"PK\5\6")):
        return True
    is_tar = head[257:262] == b"ustar" or head.startswith(tuple(COMPRESSED))
    return path.lower().endswith(".zip") and not is_tar


def _names(archive: Contents) -> list[str]:
    names = [f"{archive.path}/{label}" for label in archive.labels]
    return [*names, archive.path] if archive.why else names


def _report(archive: Contents) -> None:
    if archive.why:
        _log.error(
            "%r cannot be read to its end, %d image(s) were found: %s",
            archive.path,
            len(archive.labels),
            archive.why,
        )
    if left_out := _left_out(archive):
        _log.warning("%r: %s", archive.path, left_out)
    doubles = len(archive.labels) - len(set(archive.labels))
    if doubles:
        _log.warning(
            "%r contains %d image(s) with the same name as another one; each is used, but pages "
            "show the last one of that name",
            archive.path,
            doubles,
        )


def _left_out(archive: Contents) -> str:
    counts = ", ".join(f"{n} {what}" for what, n in sorted(archive.left_out.items()))
    return f"left out {counts}" if counts else ""
