"""Files of the supported formats that are odd or damaged where it does not matter, and files that
one library takes for what they are not."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from pixels import PLAN, encode, natural

from fastdup_gpu.other_formats import stated_size, unread
from fastdup_gpu.pictures import read_picture
from fastdup_gpu.png_chunks import pixels_only
from fastdup_gpu.protocol import Refused, Status

PICTURE = natural(40, 60)
AFTER_HEADER = 8 + 25  # of a PNG: its mark, and the chunk IHDR


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_with(*chunks: bytes) -> bytes:
    plain = encode(PICTURE)
    return plain[:AFTER_HEADER] + b"".join(chunks) + plain[AFTER_HEADER:]


def refusal(data: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        read_picture(data, PLAN)
    return caught.value


@pytest.mark.parametrize(
    "odd",
    [
        chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * (2 << 20))),
        chunk(b"zTXt", b"Comment\0\7" + zlib.compress(b"x")),
        chunk(b"iCCP", b"profile\0\7damaged"),
        chunk(b"cHRM", b"short"),
        chunk(b"acTL", struct.pack(">II", 3, 0)),
    ],
    ids=["endless text", "text of an unknown kind", "profile", "chromaticities", "no frames"],
)
def test_a_png_is_read_whatever_its_texts_and_profiles_hold(odd):
    assert np.array_equal(read_picture(png_with(odd), PLAN), PICTURE[:, :, ::-1])


def test_a_png_keeps_what_its_pixels_need():
    plain = encode(PICTURE)
    assert pixels_only(png_with(chunk(b"tEXt", b"a\0b"))) == plain
    palette = encode(Image.fromarray(PICTURE).quantize(7), transparency=3)
    assert pixels_only(palette) == palette
    assert pixels_only(plain[:100]) == plain[:100]


def test_a_png_cut_off_behind_a_text_is_refused():
    data = png_with(chunk(b"zTXt", b"Comment\0\7x"))
    assert refusal(data[: len(data) // 2]).status is Status.CORRUPT


def tiff_packed(number: int) -> bytes:
    """A tiled or stripped TIFF that says it is packed in some other way."""
    data = bytearray(encode(PICTURE, "TIFF"))
    at = data.index(struct.pack("<HHI", 259, 3, 1)) + 8
    data[at : at + 2] = struct.pack("<H", number)
    return bytes(data)


@pytest.mark.parametrize("number", [34712, 34933, 34934, 34887])
def test_a_tiff_packed_in_an_unknown_way_is_not_read_as_black(number):
    assert refusal(tiff_packed(number)).status is Status.CORRUPT


def test_grey_with_premultiplied_alpha():
    image = Image.fromarray(PICTURE).convert("LA")
    data = bytearray(encode(image, "TIFF"))
    at = data.index(struct.pack("<HHI", 338, 3, 1)) + 8
    data[at] = 1  # the colours are multiplied already
    data = bytes(data)
    with Image.open(io.BytesIO(data)) as read:
        assert read.mode == "La"
    grey = np.asarray(image)[:, :, 0]
    assert np.array_equal(read_picture(data, PLAN), np.repeat(grey[:, :, None], 3, 2))


def jpeg_of(marker: int, bits: int) -> bytes:
    data = bytearray(encode(PICTURE, "JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 1], data[at + 4] = marker, bits
    return bytes(data)


@pytest.mark.parametrize(("marker", "bits"), [(0xC1, 12), (0xC3, 16)])
def test_a_jpeg_that_no_library_reads_is_told_so(marker, bits):
    refused = refusal(jpeg_of(marker, bits))
    assert refused.status is Status.UNSUPPORTED
    assert f"JPEG of {bits} bits" in refused.detail


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\xff\x0a\xfa\x1f", "JPEG XL"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "PostScript"),
        (b"v/1\1\2\0\0\0", "OpenEXR"),
        (b"%PDF-1.4\n", "a PDF"),
        (b"  <svg xmlns='http://www.w3.org/2000/svg'/>", "HTML, XML or SVG"),
    ],
)
def test_formats_that_are_not_read_are_named(data, name):
    refused = refusal(data * 9)
    assert refused.status is Status.UNSUPPORTED
    assert name in refused.detail


def test_damage_is_no_known_format():
    assert unread(b"\xff\xd8\xff") == unread(encode(PICTURE, "JPEG")) == unread(b"") == ""


def stretched(values: np.ndarray) -> np.ndarray:
    least, peak = int(values.min()), int(values.max())
    return np.rint((values.astype(np.float64) - least) * 255 / (peak - least))


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("colours", [1, 3, 4])
@pytest.mark.parametrize("bits", [8, 10, 12, 14])
def test_cameras_that_fill_a_part_of_16_bits_give_no_black_pictures(suffix, colours, bits):
    deep = (PICTURE.astype(np.uint16) << 8 >> (16 - bits))[:, :, :colours]
    deep = np.dstack([deep, np.full(deep.shape[:2], 65535, np.uint16)]) if colours == 4 else deep
    data = cv2.imencode(suffix, deep)[1].tobytes()
    seen = read_picture(data, PLAN).astype(np.float64)
    assert np.abs(seen - stretched(deep[:, :, :3])).max() <= 1


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize("share", [1, 0.3])
def test_photographs_of_16_bits_keep_the_high_byte(suffix, colours, share):
    deep = (PICTURE.astype(np.uint16) * 257 * share).astype(np.uint16)[:, :, :colours]
    seen = read_picture(cv2.imencode(suffix, deep)[1].tobytes(), PLAN)
    assert np.array_equal(seen, np.broadcast_to(deep >> 8, seen.shape))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([0, 1, 20, 300_000], np.int32), [0, 0, 0, 255]),
        (np.array([-100, 1, 50, 100], np.int32), [0, 129, 191, 255]),
        (np.array([0, 256, 512, 65535], np.int32), [0, 1, 2, 255]),
        (np.array([0, 0.5, 1, np.nan], np.float32), [0, 127, 255, 0]),
        (np.array([0, 0.5, 100.9, 255], np.float32), [0, 0, 100, 255]),
        (np.array([0, 600, 1000, np.inf], np.float32), [0, 153, 255, 255]),
        (np.array([7, 7, 7, 7], np.uint16), [0, 0, 0, 0]),
        (np.full(4, np.nan, np.float32), [0, 0, 0, 0]),
    ],
)
def test_wide_numbers_of_a_tiff(values, expected):
    made = io.BytesIO()
    Image.fromarray(np.tile(values, (12, 4))).save(made, "TIFF")
    seen = read_picture(made.getvalue(), PLAN)
    assert np.array_equal(seen, np.broadcast_to(np.tile(expected, 4)[None, :, None], seen.shape))


@pytest.mark.parametrize("suffix", [".hdr", ".pfm", ".pam"])
def test_the_stated_size_is_that_of_the_picture(suffix):
    floats = PICTURE.astype(np.float32) / 255
    _, data = cv2.imencode(suffix, PICTURE if suffix == ".pam" else floats)
    assert stated_size(data.tobytes()) == (60, 40)
    assert read_picture(data.tobytes(), PLAN).shape == (40, 60, 3)


@pytest.mark.parametrize(
    "header",
    [
        b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 90000 +X 90000\n",
        b"PF\n90000 90000\n-1.0\n",
        b"P7\nWIDTH 90000\nHEIGHT 90000\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n",
        b"\x59\xa6\x6a\x95" + struct.pack(">7I", 90000, 90000, 24, 0, 7, 0, 0),
    ],
    ids=["hdr", "pfm", "pam", "sun"],
)
def test_bombs_are_refused_before_opencv_sees_them(header, monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("it was unpacked"))
    assert refusal(header + bytes(200)).status is Status.TOO_LARGE


def test_opencv_never_sees_what_pillow_should_have_read(monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("it was given to OpenCV"))
    for kind in ("PNG", "TIFF", "WEBP", "JPEG2000"):
        data = bytearray(encode(PICTURE, kind))
        data[8:40] = b"\xff" * 32
        assert refusal(bytes(data)).status in (Status.CORRUPT, Status.TOO_LARGE)


@pytest.mark.parametrize("comment", [b"#-Y 10 +X 10\n", b"#\n" * 50, b"EXPOSURE=2\n"])
def test_a_radiance_picture_is_as_large_as_was_checked(tmp_path, comment):
    """A comment cannot hide from the check what OpenCV then unpacks."""
    path = str(tmp_path / "a.hdr")
    cv2.imwrite(path, np.full((300, 400, 3), 0.5, np.float32))
    data = Path(path).read_bytes()
    odd = data.replace(b"\n", b"\n" + comment, 1)
    assert stated_size(odd) == (400, 300)
    assert np.array_equal(read_picture(odd, PLAN), read_picture(data, PLAN))


def test_a_lack_of_memory_is_no_damage(monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("fastdup_gpu.pictures._load", full)
    monkeypatch.setattr("simplejpeg.decode_jpeg", full)
    for kind in ("PNG", "JPEG"):
        with pytest.raises(MemoryError):
            read_picture(encode(PICTURE, kind), PLAN)
