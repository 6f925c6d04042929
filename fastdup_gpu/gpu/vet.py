"""Which encoded pictures the GPU decoder may be given, told from their first and last bytes.

A decoder pipeline can die of one bad item, so it gets only what has been looked at: whole
baseline or progressive JPEGs of 8 bits and one or three colours. Everything else, and everything
doubtful, goes to the CPU, which also knows what to say of bad files.
"""

from __future__ import annotations

from dataclasses import dataclass

from fastdup_gpu.pictures import Refused, check_size
from fastdup_gpu.protocol import PixelPlan, Status

_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"
_FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended sequential, progressive
_OTHER_FRAMES = (0xC3, *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))
_SCAN, _ADOBE = 0xDA, 0xEE
_ALONE = (0x01, *range(0xD0, 0xD8))  # markers without a length
_TAIL = 64  # bytes at the end in which the end marker has to lie


@dataclass(frozen=True, slots=True)
class Header:
    """What a JPEG says of itself: size in pixels before EXIF orientation, and colours."""

    width: int
    height: int
    components: int


def vet(data: bytes, plan: PixelPlan) -> Header | None:
    """The header of a JPEG fit for the GPU decoder, None for what the CPU should read.

    Raises Refused for what no decoder is to be given: empty files, files and pictures of sizes
    that the plan does not take.
    """
    if not data:
        raise Refused(Status.ZERO_SIZE, "the file is empty")
    if len(data) < plan.min_file_size:
        raise Refused(
            Status.FILE_TOO_SMALL, f"{len(data)} bytes, min_file_size is {plan.min_file_size}"
        )
    if data[:2] != _SOI or _EOI not in data[-_TAIL:]:
        return None
    header = read_header(data)
    if header is None:
        return None
    check_size(header.width, header.height, plan)
    return header


def read_header(data: bytes) -> Header | None:
    """The frame header before the first scan; None where it is not there or not of our kind."""
    header, adobe_colours = None, -1
    for marker, body in _segments(data):
        if marker in _OTHER_FRAMES:
            return None
        if marker == _ADOBE and body[:5] == b"Adobe" and len(body) >= 12:
            adobe_colours = body[11]
        if marker in _FRAMES:
            header = _frame(body)
        if marker == _SCAN:
            # Three colours stored as they are: libjpeg reads them as RGB, not every decoder.
            return None if header and header.components == 3 and adobe_colours == 0 else header
    return None


def _segments(data: bytes) -> list[tuple[int, bytes]]:
    """(marker, body) up to the first scan; fewer where the file breaks off."""
    found = []
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:
            place += 1
            continue
        if marker in _ALONE:
            place += 2
            continue
        length = int.from_bytes(data[place + 2 : place + 4], "big")
        if length < 2 or place + 2 + length > len(data):
            break
        found.append((marker, data[place + 4 : place + 2 + length]))
        if marker == _SCAN:
            break
        place += 2 + length
    return found


def _frame(body: bytes) -> Header | None:
    if len(body) < 6 or body[0] != 8:
        return None
    height, width = (int.from_bytes(body[i : i + 2], "big") for i in (1, 3))
    components = body[5]
    if not height or not width or components not in (1, 3):
        return None
    return Header(width, height, components)
