"""Formats that Pillow does not read: those that OpenCV reads, with the size that their headers
state, and the names of those that nothing here reads.

OpenCV gets no other formats. Its decoders allocate whatever a damaged header says (4 GB for a PNG
of 100 bytes) and return black or wrong images for unknown compressions of TIFF and BMP.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_RADIANCE = re.compile(rb"\n\n([-+]Y +(\d{1,9}) +[-+]X +(\d{1,9})\n)")
_BARE_RADIANCE = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n"
_FLOAT_MAP = re.compile(rb"P[Ff]\s+(\d{1,9})\s+(\d{1,9})\s")
_ANY_MAP_WIDTH = re.compile(rb"^WIDTH\s+(\d{1,9})\s*$", re.MULTILINE)
_ANY_MAP_HEIGHT = re.compile(rb"^HEIGHT\s+(\d{1,9})\s*$", re.MULTILINE)
HEADER = 4096  # bytes within which a text header has to end

_NAMES = {
    b"%PDF": "a PDF",
    b"PK\x03\x04": "a zip archive",
    b"%!PS": "PostScript",
    b"\xc5\xd0\xd3\xc6": "PostScript",
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"v/1\1": "OpenEXR",
    b"\xd7\xcd\xc6\x9a": "a Windows metafile",
    b"gimp xcf": "a GIMP image (XCF)",
    b"\x8aMNG": "MNG",
    b"\x8bJNG": "JNG",
    b"id=ImageMagick": "MIFF",
    b"FUJIFILMCCD-RAW": "a camera raw image",
}
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}

Size = tuple[int, int]


def stated_size(data: bytes) -> Size | None:
    """Width and height of an image that OpenCV may read, from its header; None for any other format
    and for a damaged header."""
    reader = next((r for magic, r in _READERS.items() if data.startswith(magic)), None)
    return reader(data) if reader else None


def plain(data: bytes) -> bytes:
    """The bytes for OpenCV: a Radiance header without comments, so that OpenCV finds the same size
    as `stated_size`."""
    if not data.startswith((b"#?RADIANCE", b"#?RGBE")):
        return data
    found = _RADIANCE.search(data, 0, HEADER)
    return data if found is None else _BARE_RADIANCE + data[found.start(1) :]


def unread(data: bytes) -> str:
    """The name of a format that nothing here reads, '' if the content is not recognised."""
    name = next((name for magic, name in _NAMES.items() if data.startswith(magic)), "")
    if not name and data[:256].lstrip()[:1] == b"<":
        return "HTML, XML or SVG"
    return name or _unread_jpeg(data)


def _unread_jpeg(data: bytes) -> str:
    """Follow the markers to the header of the frame."""
    at = 2 if data.startswith(b"\xff\xd8\xff") else len(data)
    while at + 5 < len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in _FRAME_HEADERS:
            return "" if data[at + 4] == 8 else f"a JPEG of {data[at + 4]} bits"
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return ""


def _radiance(data: bytes) -> Size | None:
    found = _RADIANCE.search(data, 0, HEADER)
    return (int(found[3]), int(found[2])) if found else None


def _float_map(data: bytes) -> Size | None:
    found = _FLOAT_MAP.match(data)
    return (int(found[1]), int(found[2])) if found else None


def _any_map(data: bytes) -> Size | None:
    head = data[:HEADER].partition(b"ENDHDR")[0]
    width, height = _ANY_MAP_WIDTH.search(head), _ANY_MAP_HEIGHT.search(head)
    return (int(width[1]), int(height[1])) if width and height else None


def _sun(data: bytes) -> Size:
    return int.from_bytes(data[4:8]), int.from_bytes(data[8:12])


_READERS: dict[bytes, Callable[[bytes], Size | None]] = {
    b"#?RADIANCE": _radiance,
    b"#?RGBE": _radiance,
    b"PF": _float_map,
    b"Pf": _float_map,
    b"P7": _any_map,
    b"\x59\xa6\x6a\x95": _sun,
}
