"""Which kind of file some bytes are, told finely: not "a TIFF" but how it is packed."""

from __future__ import annotations

import struct
from collections.abc import Callable

_PNG = b"\x89PNG\r\n\x1a\n"
_COLOURS = {0: "grey", 2: "RGB", 3: "palette", 4: "grey + alpha", 6: "RGBA"}
_FRAMES = {0xC0: "baseline", 0xC1: "extended", 0xC2: "progressive", 0xC3: "lossless"}
_ARITHMETIC = (0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)
_PACKED = {
    1: "uncompressed",
    2: "CCITT RLE",
    3: "CCITT G3",
    4: "CCITT G4",
    5: "LZW",
    6: "old JPEG",
    7: "JPEG",
    8: "deflate",
    32771: "CCITT RLE-W",
    32773: "PackBits",
    32809: "ThunderScan",
    32946: "deflate",
    34661: "JBIG",
    34676: "SGI LogLuv",
    34677: "SGI LogLuv",
    34712: "JPEG 2000",
    34887: "LERC",
    34925: "LZMA",
    50000: "Zstandard",
    50001: "WebP",
}
_BRANDS = {
    b"avif": "AVIF",
    b"avis": "AVIF, animated",
    b"heic": "HEIC",
    b"heix": "HEIC, 10-bit",
    b"hevc": "HEIC, sequence",
    b"hevx": "HEIC, sequence",
    b"mif1": "HEIF",
    b"msf1": "HEIF, sequence",
    b"crx ": "camera raw (CR3)",
    b"qt  ": "video",
    b"isom": "video",
}
_MAGIC = {
    b"\0\0\0\x0cjP  ": "JPEG 2000 (JP2)",
    b"\xff\x4f\xff\x51": "JPEG 2000 codestream",
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\0\0\1\0": "ICO",
    b"\0\0\2\0": "CUR",
    b"icns": "ICNS",
    b"8BPS": "PSD",
    b"%!PS": "PostScript / EPS",
    b"\xc5\xd0\xd3\xc6": "PostScript / EPS",
    b"%PDF": "PDF",
    b"\x01\xda": "SGI",
    b"\x59\xa6\x6a\x95": "Sun raster",
    b"#?RADIANCE": "Radiance HDR",
    b"#?RGBE": "Radiance HDR",
    b"v/1\1": "OpenEXR",
    b"DDS ": "DDS",
    b"qoif": "QOI",
    b"SIMPLE": "FITS",
    b"\x8aMNG": "MNG",
    b"\x8bJNG": "JNG",
    b"id=Image": "MIFF",
    b"/* XPM": "XPM",
    b"! XPM2": "XPM",
    b"#define": "XBM",
    b"\xd7\xcd\xc6\x9a": "WMF / EMF",
    b"\1\0\0\0\x58": "WMF / EMF",
    b"gimp xcf": "XCF (GIMP)",
    b"\xab\1": "VIFF",
    b"\x53\x80\xf6\x34": "Softimage PIC",
    b"\xb1\x68\xde\x3a": "DCX",
    b"FUJIFILMCCD-RAW": "camera raw (RAF)",
    b"PK\3\4": "zip",
    b"\x1f\x8b": "gzip",
}
_PNM = {
    b"P1": "PBM, text",
    b"P2": "PGM, text",
    b"P3": "PPM, text",
    b"P4": "PBM",
    b"P5": "PGM",
    b"P6": "PPM",
    b"P7": "PAM",
    b"Pf": "PFM",
    b"PF": "PFM",
}
_RAW = "cr2 nef dng arw orf rw2 pef srw kdc mrw x3f 3fr fff iiq dcr k25".split()


def kind_of(data: bytes, name: str) -> str:
    """The kind of a file, by its content; by its name where the format has no mark."""
    if not data:
        return "empty file"
    for magic, tell in _TOLD.items():
        if data.startswith(magic):
            return tell(data, name)
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12], "HEIF" if b"mif1" in data[12:40] else "video")
    if data[:2] in _PNM and data[2:3].isspace():
        return f"Netpbm: {_PNM[data[:2]]}"
    found = next((kind for magic, kind in _MAGIC.items() if data.startswith(magic)), "")
    return found or _by_name(data, name)


def _by_name(data: bytes, name: str) -> str:
    extension = name.rpartition(".")[2].lower()
    if extension == "tga":
        return "TGA"
    if extension == "pcx" and data[:1] == b"\x0a":
        return "PCX"
    if extension in ("fli", "flc") or data[4:6] in (b"\x11\xaf", b"\x12\xaf"):
        return "FLI / FLC"
    if b"<svg" in data[:4096]:
        return "SVG"
    if data.lstrip()[:1] == b"<":
        return "HTML or XML"
    return f"no picture that is known, named .{extension}"[:60]


def _jpeg(data: bytes, _: str) -> str:
    at = 2
    while at + 9 < len(data):
        if data[at] != 0xFF:
            break
        marker = data[at + 1]
        if marker in (0xFF, 0x01) or 0xD0 <= marker <= 0xD8:
            at += 1 if marker == 0xFF else 2
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return _frame(marker, bits=data[at + 4], components=data[at + 9])
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return "JPEG, damaged before its frame header"


def _frame(marker: int, *, bits: int, components: int) -> str:
    way = "arithmetic" if marker in _ARITHMETIC else _FRAMES.get(marker, "hierarchical")
    colours = {1: "grey", 3: "colour", 4: "CMYK"}.get(components, f"{components} components")
    return f"JPEG {way}, {colours}" + ("" if bits == 8 else f", {bits}-bit")


def _png(data: bytes, _: str) -> str:
    if data[:8] != _PNG or len(data) < 29 or data[12:16] != b"IHDR":
        return "PNG, damaged header"
    bits, colour, interlaced = data[24], data[25], data[28]
    shown = "under 8-bit" if bits < 8 else f"{bits}-bit"
    kind = f"PNG {_COLOURS.get(colour, 'of no known colour')}, {shown}"
    kind += ", interlaced" if interlaced else ""
    return kind + (", animated" if b"acTL" in data[:4096] else "")


def _gif(data: bytes, _: str) -> str:
    frames = data.count(b"\0\x21\xf9\x04") + data.count(b"\0\x2c")
    return "GIF, animated" if b"NETSCAPE2.0" in data[:4096] or frames > 2 else "GIF"


def _bmp(data: bytes, _: str) -> str:
    size = int.from_bytes(data[14:18], "little")
    if size == 12:
        return f"BMP, OS/2, {int.from_bytes(data[24:26], 'little')}-bit"
    bits, packed = struct.unpack_from("<HI", data.ljust(40, b"\0"), 28)
    way = {0: "", 1: ", RLE", 2: ", RLE", 3: ", bit fields", 4: ", JPEG", 5: ", PNG"}
    return f"BMP, {bits}-bit{way.get(packed, ', other packing')}"


def _webp(data: bytes, _: str) -> str:
    if data[8:12] != b"WEBP":
        return "RIFF, no picture"
    if data[12:16] == b"VP8X":
        if data[20] & 2:
            return "WEBP, animated"
        return "WEBP lossless, extended" if b"VP8L" in data[:4096] else "WEBP lossy, extended"
    return {b"VP8 ": "WEBP lossy", b"VP8L": "WEBP lossless"}.get(data[12:16], "WEBP, damaged")


def _tiff(data: bytes, name: str) -> str:
    if name.rpartition(".")[2].lower() in _RAW:
        return "camera raw (TIFF inside)"
    end = "<" if data[:1] == b"I" else ">"
    if data[2:4] in (b"\x2b\0", b"\0\x2b"):
        return "BigTIFF"
    try:
        tags = _tags(data, end)
    except (struct.error, OverflowError):
        return "TIFF, damaged"
    packed = _PACKED.get(tags.get(259, 1), f"compression {tags.get(259)}")
    bits, samples = tags.get(258, 1), tags.get(277, 1)
    kind = f"TIFF {packed}, {bits}-bit" + (" float" if tags.get(339) == 3 else "")
    kind += ", planar" if tags.get(284) == 2 and samples > 1 else ""
    return kind + (", tiled" if 322 in tags else "")


def _tags(data: bytes, end: str) -> dict[int, int]:
    """The first value of each tag of the first directory that holds whole numbers."""
    (start,) = struct.unpack_from(end + "I", data, 4)
    (count,) = struct.unpack_from(end + "H", data, start)
    found = {}
    for at in range(start + 2, start + 2 + 12 * min(count, 200), 12):
        tag, kind, number = struct.unpack_from(end + "HHI", data, at)
        code, size = {1: ("B", 1), 3: ("H", 2), 4: ("I", 4)}.get(kind, ("", 0))
        if code:
            (place,) = struct.unpack_from(end + "I", data, at + 8)
            (value,) = struct.unpack_from(end + code, data, at + 8 if size * number <= 4 else place)
            found[tag] = value
    return found


_TOLD: dict[bytes, Callable[[bytes, str], str]] = {
    b"\xff\xd8": _jpeg,
    b"\x89PNG": _png,
    b"GIF8": _gif,
    b"BM": _bmp,
    b"RIFF": _webp,
    b"II*\0": _tiff,
    b"MM\0*": _tiff,
    b"II+\0": _tiff,
    b"MM\0+": _tiff,
}
