"""The chunks of a PNG that its pixels need."""

from __future__ import annotations

MAGIC = b"\x89PNG\r\n\x1a\n"
_NEEDED = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"eXIf")


def pixels_only(data: bytes) -> bytes:
    """A PNG without its texts, profiles and further frames: damage in them, or texts that unpack
    without end, do not affect the image. Everything after a broken chunk is left unchanged."""
    kept, at = [data[: len(MAGIC)]], len(MAGIC)
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4])
        if end > len(data):
            break
        if data[at + 4 : at + 8] in _NEEDED:
            kept.append(data[at:end])
        at = end
    return b"".join([*kept, data[at:]])
