"""Detects truncated video files from the sizes stated in their containers.

Decoders read a truncated file to its end without an error; the outermost boxes show that data is
missing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_FIRST_BOXES = frozenset(b"ftyp styp moov mdat moof wide free skip pnot uuid".split())
_MOST_BOXES = 1_000_000


def missing_bytes(file: BinaryIO, size: int) -> int:
    """How many bytes are missing at the end of an MP4/MOV, AVI or Matroska file of `size` bytes;
    0 if it is complete, does not say, or is of another kind. Moves the position of `file`."""
    head = _read(file, 0, 8)
    if head.startswith(_EBML):
        return max(0, _segment_end(file) - size)
    if head.startswith(b"RIFF"):
        return _walk(file, size, _riff_length)
    return _walk(file, size, _box_length) if head[4:] in _FIRST_BOXES else 0


def _read(file: BinaryIO, position: int, count: int) -> bytes:
    file.seek(position)
    return file.read(count)


def _walk(file: BinaryIO, size: int, length_at: Callable[[bytes], int]) -> int:
    """Go from box to box; a length of 0 ends the walk."""
    position = 0
    for _ in range(_MOST_BOXES):
        if position >= size:
            return position - size
        length = length_at(_read(file, position, 16))
        if not length:
            return 0
        position += length
    return 0


def _box_length(head: bytes) -> int:
    """Length of an ISO box: 32 bits and a type of four letters, or 1, a type, and 64 bits."""
    length, kind = int.from_bytes(head[:4]), head[4:8]
    if len(kind) < 4 or not kind.replace(b" ", b"x").isalnum():
        return 0
    if length == 1:
        length = int.from_bytes(head[8:16])
    return length if length >= 8 else 0


def _riff_length(head: bytes) -> int:
    length = int.from_bytes(head[4:8], "little")
    return 8 + length + length % 2 if head.startswith(b"RIFF") and length else 0


def _segment_end(file: BinaryIO) -> int:
    """Where the segment of a Matroska file ends; 0 if it does not say."""
    start = _element_end(file, 4)
    if not start or _read(file, start, 4) != _SEGMENT:
        return 0
    return _element_end(file, start + 4)


def _element_end(file: BinaryIO, position: int) -> int:
    """The end of an EBML element whose size field is at `position`; 0 if unknown."""
    field = _read(file, position, 8)
    width = 9 - field[0].bit_length() if field and field[0] else 0
    if not width or len(field) < width:
        return 0
    mask = (1 << 7 * width) - 1
    length = int.from_bytes(field[:width]) & mask
    return 0 if length == mask else position + width + length
