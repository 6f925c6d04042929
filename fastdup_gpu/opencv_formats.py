"""The formats that OpenCV reads and Pillow does not, and the size that their headers state.

OpenCV is given nothing else: its decoders ask for memory as damaged headers say, 4 GB for a PNG
of 100 bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_RADIANCE = re.compile(rb"[-+]Y +(\d{1,9}) +[-+]X +(\d{1,9})\n")
_FLOAT_MAP = re.compile(rb"P[Ff]\s+(\d{1,9})\s+(\d{1,9})\s")
_ANY_MAP_WIDTH = re.compile(rb"^WIDTH\s+(\d{1,9})\s*$", re.MULTILINE)
_ANY_MAP_HEIGHT = re.compile(rb"^HEIGHT\s+(\d{1,9})\s*$", re.MULTILINE)
_HEADER = 4096  # bytes in which a text header has to end

Size = tuple[int, int]


def stated_size(data: bytes) -> Size | None:
    """Width and height as the header says; None for any other format and for a damaged header."""
    reader = next((r for magic, r in _READERS.items() if data.startswith(magic)), None)
    return reader(data) if reader else None


def _radiance(data: bytes) -> Size | None:
    found = _RADIANCE.search(data, 0, _HEADER)
    return (int(found[2]), int(found[1])) if found else None


def _float_map(data: bytes) -> Size | None:
    found = _FLOAT_MAP.match(data)
    return (int(found[1]), int(found[2])) if found else None


def _any_map(data: bytes) -> Size | None:
    head = data[:_HEADER].partition(b"ENDHDR")[0]
    width, height = _ANY_MAP_WIDTH.search(head), _ANY_MAP_HEIGHT.search(head)
    return (int(width[1]), int(height[1])) if width and height else None


def _sun(data: bytes) -> Size:
    return int.from_bytes(data[4:8]), int.from_bytes(data[8:12])


def _bmp(data: bytes) -> Size:
    """The height of pictures stored from the top is negative."""
    if int.from_bytes(data[14:18], "little") == 12:
        return int.from_bytes(data[18:20], "little"), int.from_bytes(data[20:22], "little")
    height = int.from_bytes(data[22:26], "little", signed=True)
    return int.from_bytes(data[18:22], "little"), abs(height)


_READERS: dict[bytes, Callable[[bytes], Size | None]] = {
    b"#?RADIANCE": _radiance,
    b"#?RGBE": _radiance,
    b"PF": _float_map,
    b"Pf": _float_map,
    b"P7": _any_map,
    b"\x59\xa6\x6a\x95": _sun,
    b"BM": _bmp,
}
