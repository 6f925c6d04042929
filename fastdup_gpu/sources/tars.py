"""Tar archives: plain ones read with random access, compressed ones as a stream."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import math
import tarfile
import zlib
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

from fastdup_gpu.sources.members import (
    Contents,
    OpenFiles,
    plain_parts,
    unpacked_limit,
)

Opener = Callable[[str], BinaryIO]
COMPRESSED: dict[bytes, Opener] = {
    b"\x1f\x8b": cast(Opener, gzip.open),
    b"BZh": cast(Opener, bz2.open),
    b"\xfd7zXZ\x00": cast(Opener, lzma.open),
}
# A longer header record (a name, a table of attributes) is an attack on memory.
_MAX_HEADER = 16 << 20
_PART = 1 << 20  # bytes read at a time after the end mark
_STREAM_ERRORS = (OSError, EOFError, zlib.error, lzma.LZMAError)


@dataclass(slots=True)
class TarContents(Contents):
    """The position of each member. `opener` unpacks a compressed archive."""

    offsets: array[int] = field(default_factory=lambda: array("q"))
    sizes: array[int] = field(default_factory=lambda: array("q"))
    opener: Opener | None = None
    _positions: dict[str, int] | None = None  # of the labels; filled at the first hard link

    @property
    def sequential(self) -> bool:
        """Whether the archive is compressed as a whole."""
        return self.opener is not None

    def read(self, position: int, files: OpenFiles) -> bytes:
        """The bytes of a member."""
        offset, size = self.offsets[position], self.sizes[position]
        self.check_size(position, size)
        if self.opener is None:
            return files.read_at(self.path, offset, size)
        try:
            data = files.read_stream(self.path, self.opener, offset, size)
        except _STREAM_ERRORS as error:
            raise self.error(position, f"the archive is damaged ({error})") from error
        if len(data) < size:
            raise self.error(position, "the archive is truncated")
        return data

    def add(self, info: tarfile.TarInfo) -> None:
        """Add a member if it is an image."""
        if info.isdir():
            return
        target = self._target(info) if info.islnk() else None
        regular = (info.isreg() and not info.issparse()) or target is not None
        label = self.label(info.name, regular=regular)
        if label is None:
            return
        if self._positions is not None:
            self._positions[label] = len(self.labels)
        self.labels.append(label)
        self.offsets.append(info.offset_data if target is None else self.offsets[target])
        self.sizes.append(info.size if target is None else self.sizes[target])

    def _target(self, link: tarfile.TarInfo) -> int | None:
        """The earlier image that a hard link refers to. None in a compressed archive, which cannot
        be read backwards."""
        if self.opener is not None:
            return None
        if self._positions is None:
            self._positions = {label: i for i, label in enumerate(self.labels)}
        return self._positions.get("/".join(plain_parts(link.linkname)))


class _Watched(io.BufferedIOBase):
    """A stream that remembers its last read and refuses to seek too far or backwards (a negative
    size makes some versions of tarfile loop for ever)."""

    def __init__(self, raw: BinaryIO, limit: float) -> None:
        self._raw = raw
        self._limit = limit
        self.last = b""
        self.reached = 0

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= _MAX_HEADER:
            raise tarfile.ReadError(f"a header asks for {size} bytes")
        self.last = self._raw.read(size)
        if self.last:
            self.reached = self._raw.tell()
        return self.last

    def seek(self, offset: int, whence: int = 0) -> int:
        self._check(offset)
        if offset < self._raw.tell():
            raise tarfile.ReadError("a header points backwards")
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        return self._raw.tell()

    def parts(self) -> Iterator[bytes]:
        """The rest of the stream."""
        while part := self._raw.read(_PART):
            self._check(self._raw.tell())
            yield part

    def _check(self, offset: int) -> None:
        if offset > self._limit:
            raise tarfile.ReadError(
                f"it unpacks to more than {self._limit} bytes, too many for its size"
            )


def list_tar(path: str, head: bytes, also: frozenset[str] = frozenset()) -> TarContents:
    """List a tar. Everything after a damaged place is lost; `why` then says what happened."""
    found = TarContents(path, also=also)
    found.opener = next((o for magic, o in COMPRESSED.items() if head.startswith(magic)), None)
    limit = math.inf if found.opener is None else unpacked_limit(Path(path).stat().st_size)
    with found.opener(path) if found.opener else Path(path).open("rb", buffering=0) as raw:
        watched = _Watched(raw, limit)
        try:
            _list(found, watched)
            _note_rest(found, watched)
        except Exception as error:  # hostile bytes: tarfile raises other errors than its own, too
            found.why = f"damaged or truncated ({type(error).__name__}: {error})"
    found.why = found.why or _ending(watched.last)
    return found


def _note_rest(found: TarContents, stream: _Watched) -> None:
    """Note data after the end mark. A compressed archive is read to its end, where gzip has its
    checksum; of a plain one, the padding of usual size is looked at."""
    parts = islice(stream.parts(), None if found.sequential else 1)
    if sum(part.strip(b"\0") != b"" for part in parts):
        found.left_out["part after the end mark"] = 1


def _ending(last: bytes) -> str:
    """What is wrong with the block that tarfile took for the end; it also stops at damage."""
    if last.strip(b"\0"):
        return "damaged: no tar header where one should be"
    return "" if len(last) == tarfile.BLOCKSIZE else "truncated, or written without an end mark"


def _list(found: TarContents, stream: _Watched) -> None:
    """Add each member after reading the next header, which shows that its data are complete."""
    with tarfile.open(
        fileobj=stream, mode="r:", encoding="utf-8", errors="surrogateescape"
    ) as archive:
        before = archive.next()
        while before is not None:
            archive.members = []  # type: ignore[attr-defined]  # it would keep every header for ever
            try:
                info = archive.next()
            finally:
                behind = 0 if before.islnk() else before.size  # a link states its target's size
                if before.offset_data + behind <= stream.reached:
                    found.add(before)
            before = info
