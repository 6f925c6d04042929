"""Decides from the start and end of a file whether it is a JPEG for the GPU decoder.

A decoder pipeline can fail because of one bad item, so it gets only JPEGs that were checked:
complete baseline or progressive ones with 8 bits and one or three colours. Everything else, and
everything doubtful, goes to the CPU, which also reports what is wrong with bad files.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

Bytes = bytes | memoryview

_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"
_FRAMES = frozenset((0xC0, 0xC1, 0xC2))  # baseline, extended sequential, progressive
_OTHER_FRAMES = frozenset((0xC3, *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)))
_SCAN, _ADOBE = 0xDA, 0xEE
_ALONE = frozenset((0x01, *range(0xD0, 0xD8)))  # markers without a length
_SIZES = struct.Struct(">BHHB")  # bits, height, width, components
_TAIL = 64  # bytes at the end that have to contain the end marker


class Header(NamedTuple):
    """The header of a JPEG: size in pixels before EXIF orientation, and colours."""

    width: int
    height: int
    components: int


def jpeg_header(data: Bytes) -> Header | None:
    """The header of a JPEG suitable for the GPU decoder, None if the CPU should read the file."""
    if data[:2] != _SOI or _EOI not in bytes(data[-_TAIL:]):
        return None
    return read_header(data)


def read_header(data: Bytes) -> Header | None:
    """The frame header before the first scan; None if it is missing or not supported."""
    header, adobe_colours = None, -1
    place, last = 2, len(data) - 4
    while place <= last and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF or marker in _ALONE:
            place += 1 if marker == 0xFF else 2
            continue
        length = data[place + 2] << 8 | data[place + 3]
        if length < 2 or place + 2 + length > len(data):
            return None
        if marker in _FRAMES:
            header = _frame(data, place + 4, length - 2)
        elif marker in _OTHER_FRAMES:
            return None
        elif marker == _ADOBE and length >= 14 and data[place + 4 : place + 9] == b"Adobe":
            adobe_colours = data[place + 15]
        elif marker == _SCAN:
            # Three colours stored untransformed: libjpeg reads them as RGB, other decoders may not.
            return None if header and header.components == 3 and adobe_colours == 0 else header
        place += 2 + length
    return None


def _frame(data: Bytes, start: int, length: int) -> Header | None:
    """From the body of a frame's segment, `length` bytes from `start`."""
    if length < 6 or data[start] != 8:
        return None
    _, height, width, components = _SIZES.unpack_from(data, start)
    if not height or not width or components not in (1, 3):
        return None
    if components == 3 and data[start + 6 : start + length : 3] == b"RGB":
        return None
    return Header(width, height, components)
