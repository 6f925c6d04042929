"""What all archives share: limits, the selection of members, open files."""

from __future__ import annotations

import errno
import os
import re
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import BinaryIO

from fastdup_gpu.reading import MAX_FILE
from fastdup_gpu.sources.base import extension, has_image_extension, is_archive, is_video
from fastdup_gpu.sources.folder import is_junk

# A compressed archive that unpacks to more than both is refused as a decompression bomb.
MAX_RATIO = 1000
MAX_UNPACKED = 1 << 30
# So is such a member: several are unpacked at a time, each into memory.
_MEMBER_RATIO, _LARGE = 100, 256 << 20

_OUTSIDE = re.compile(r"([A-Za-z]:)?[/\\]")


@dataclass(slots=True)
class Contents:
    """The images in one archive: their `labels` (names) in the order of storage, read by position.

    `why`: what stopped the listing before its end; '' for a complete archive. `left_out`: counts of
    what is not read. `sequential`: reads are cheap only in ascending order. `also`:
    extensions of other members to list. `most`: largest member to read, in bytes; 0 = 2 GiB.
    `stamp`: shows later that the archive is unchanged.
    """

    path: str
    labels: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    why: str = ""
    also: frozenset[str] = frozenset()
    most: int = 0
    stamp: bytes = b""

    @property
    def sequential(self) -> bool:
        """See above."""
        return False

    @property
    def items(self) -> int:
        """Number of its images, plus one for the archive itself if it is damaged."""
        return len(self.labels) + bool(self.why)

    def read(self, position: int, files: OpenFiles) -> bytes:
        """The bytes of member `position`; raises OSError with the reason if they cannot be read."""
        raise NotImplementedError

    def label(self, name: str, *, regular: bool) -> str | None:
        """The label of a member; None (and counted in `left_out`) for one that is not read."""
        parts = plain_parts(name)
        if not parts or any(is_junk(part) for part in parts):
            return None
        if is_archive(name):
            self.left_out["nested archives"] += 1
        elif is_video(name):
            self.left_out["videos"] += 1
        elif not has_image_extension(name) and extension(name) not in self.also:
            return None
        elif not regular:
            self.left_out["links, sparse files or devices"] += 1
        elif ".." in parts or _OUTSIDE.match(name):
            self.left_out["names that point outside"] += 1
        else:
            return "/".join(parts)
        return None

    def check_size(self, position: int, size: int, packed: int = 0) -> None:
        """Raise OSError for a member over the limit, or one whose `packed` size is too small for an
        image of that size."""
        limit = self.most or MAX_FILE
        if size > limit:
            raise self.error(position, f"{size} bytes, more than the limit of {limit}")
        if packed and size > max(_LARGE, _MEMBER_RATIO * packed):
            raise self.error(position, f"it unpacks from {packed} bytes to {size}")

    def error(self, position: int, why: str) -> OSError:
        """The error of one member."""
        return OSError(errno.EIO, why, f"{self.path}/{self.labels[position]}")


def plain_parts(name: str) -> list[str]:
    """The folders and the file name in the name of a member."""
    return [part for part in re.split(r"[/\\]", name) if part not in ("", ".")]


def unpacked_limit(archive_size: int) -> int:
    """How many bytes an archive of this size may unpack to."""
    return max(MAX_UNPACKED, MAX_RATIO * archive_size)


class _File:
    """An open file, closed when it is no longer used."""

    def __init__(self, path: str) -> None:
        self.fd = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        self.size = os.fstat(self.fd).st_size
        self._lock = threading.Lock()

    def read(self, offset: int, size: int) -> bytes:
        if hasattr(os, "pread"):
            return os.pread(self.fd, size, offset)
        with self._lock:  # Windows
            os.lseek(self.fd, offset, os.SEEK_SET)
            return os.read(self.fd, size)

    def __del__(self) -> None:
        if hasattr(self, "fd"):
            os.close(self.fd)


class OpenFiles:
    """The archives being read, a bounded number at a time; any thread may use this.

    An archive dropped from the cache is closed when the last thread that reads it has finished.
    """

    def __init__(self, most: int = 64) -> None:
        self._file = lru_cache(maxsize=most)(_File)
        self._lock = threading.Lock()
        self._stream: BinaryIO | None = None
        self._streamed = ""

    def read_at(self, path: str, offset: int, size: int) -> bytes:
        """Exactly `size` bytes of a file; raises OSError if it has fewer."""
        file = self._file(path)
        if offset + size > file.size:
            raise OSError(errno.EIO, "the archive is truncated", path)
        data = file.read(offset, size)
        while len(data) < size:
            more = file.read(offset + len(data), size - len(data))
            if not more:
                raise OSError(errno.EIO, "the archive is truncated", path)
            data += more
        return data

    def read_stream(
        self, path: str, opener: Callable[[str], BinaryIO], offset: int, size: int
    ) -> bytes:
        """Up to `size` bytes of an unpacked stream. Going back starts again from the beginning."""
        with self._lock:
            if self._stream is None or self._streamed != path:
                self._close_stream()
                self._stream, self._streamed = opener(path), path
            self._stream.seek(offset)
            return self._stream.read(size)

    def close(self) -> None:
        """Close everything."""
        with self._lock:
            self._close_stream()
        self._file.cache_clear()

    def _close_stream(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None
