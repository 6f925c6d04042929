"""Zip archives, read with random access from any thread without a lock."""

from __future__ import annotations

import bz2
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from fastdup_gpu.sources.members import Contents, OpenFiles, unpacked_limit

_LOCAL_HEADER = struct.Struct("<4s22xHH")
_ENCRYPTED = 0x1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)


@dataclass(slots=True)
class ZipContents(Contents):
    """The directory entry of each member."""

    infos: list[zipfile.ZipInfo] = field(default_factory=list)

    def read(self, position: int, files: OpenFiles) -> bytes:
        """The bytes of a member, checked against the stored checksum."""
        info = self.infos[position]
        self.check_size(position, max(info.file_size, info.compress_size), info.compress_size)
        if info.flag_bits & _ENCRYPTED:
            raise self.error(position, "the member is encrypted; unpack the archive first")
        if info.compress_type not in _METHODS:
            method = f"compression method {info.compress_type}"
            raise self.error(position, f"{method} is not supported; unpack the archive first")
        packed = self._packed(position, info, files)
        try:
            data = _unpack(packed, info)
        except (zlib.error, OSError, EOFError) as error:
            raise self.error(position, f"the member is damaged ({error})") from error
        if len(data) != info.file_size or zlib.crc32(data) != info.CRC:
            raise self.error(position, "the member is damaged (wrong size or checksum)")
        return data

    def _packed(self, position: int, info: zipfile.ZipInfo, files: OpenFiles) -> bytes:
        header = files.read_at(self.path, info.header_offset, _LOCAL_HEADER.size)
        magic, name_length, extra_length = _LOCAL_HEADER.unpack(header)
        if magic != b"PK\3\4":
            raise self.error(position, "the member is damaged (no header where one should be)")
        start = info.header_offset + _LOCAL_HEADER.size + name_length + extra_length
        return files.read_at(self.path, start, info.compress_size)

    def add(self, info: zipfile.ZipInfo) -> None:
        """Add a member if it is an image."""
        if not info.filename or info.is_dir():
            return
        kind = stat.S_IFMT(info.external_attr >> 16)
        label = self.label(info.filename, regular=kind in (0, stat.S_IFREG))
        if label is not None:
            self.labels.append(label)
            self.infos.append(info)


def _unpack(packed: bytes, info: zipfile.ZipInfo) -> bytes:
    """Unpack no more than one byte over the size that the directory states."""
    if info.compress_type == zipfile.ZIP_STORED:
        return packed
    if info.compress_type == zipfile.ZIP_DEFLATED:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, info.file_size + 1)
    return bz2.BZ2Decompressor().decompress(packed, info.file_size + 1)


def list_zip(path: str, also: frozenset[str] = frozenset()) -> ZipContents:
    """List a zip. `why` says what is wrong if it has no readable directory."""
    found = ZipContents(path, also=also)
    limit = unpacked_limit(Path(path).stat().st_size)
    unpacked = 0
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except Exception as error:  # hostile bytes: zipfile raises other errors than its own, too
        found.why = f"damaged or not a zip ({type(error).__name__}: {error})"
        return found
    for info in infos:
        unpacked += info.file_size
        if unpacked > limit:
            found.why = f"it unpacks to more than {limit} bytes, too many for its size"
            break
        found.add(info)
    return found
