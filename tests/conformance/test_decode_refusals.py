"""Files that are refused, what of them is not, and batches with both."""

from __future__ import annotations

import errno
import struct
import zlib

import numpy as np
import pytest
import tolerances
from PIL import Image
from pixels import PLAN, SIDE, as_encoded, encode, natural, png, smooth

from fastdup_gpu.protocol import Encoded, PixelPlan, Status

RGB = smooth(70, 90)


def outcome(backend, data: bytes, plan: PixelPlan = PLAN):
    (only,) = backend.decode(as_encoded([data]), plan).outcomes
    return only


def claims(kind: str, width: int, height: int) -> bytes:
    """A file of some hundred bytes that claims to be of any size."""
    small = {
        "JPEG": encode(RGB, "JPEG"),
        "GIF": encode(Image.fromarray(RGB).quantize(64), "GIF"),
        "BMP": encode(RGB, "BMP"),
    }
    if kind == "PNG":
        return png(width, height, zlib.compress(bytes(1000)))
    data = bytearray(small[kind])
    if kind == "BMP":
        data[18:26] = struct.pack("<ii", width, height)
    elif kind == "GIF":
        data[6:10] = struct.pack("<HH", width, height)
    else:
        frame = data.index(b"\xff\xc0")
        data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


BAD = {
    "empty": (b"", Status.ZERO_SIZE),
    "one byte": (b"\x89", Status.CORRUPT),
    "start of a JPEG": (b"\xff\xd8", Status.CORRUPT),
    "zeros": (bytes(5000), Status.CORRUPT),
    "text": (b"version https://git-lfs.github.com/spec/v1\n" * 3, Status.CORRUPT),
    "PDF": (b"%PDF-1.4\n" + bytes(3000), Status.UNSUPPORTED),
    "HTML": (b"<!DOCTYPE html><html>" + b" " * 3000, Status.UNSUPPORTED),
    "SVG": (b'<svg xmlns="http://www.w3.org/2000/svg"></svg>', Status.UNSUPPORTED),
    "zip": (b"PK\x03\x04" + bytes(3000), Status.UNSUPPORTED),
    "9 x 40": (encode(smooth(40, 9)), Status.TOO_SMALL),
    "40 x 9": (encode(smooth(9, 40), "JPEG"), Status.TOO_SMALL),
    "1 x 1": (encode(smooth(1, 1), "BMP"), Status.TOO_SMALL),
    "PNG bomb": (claims("PNG", 100_000, 100_000), Status.TOO_LARGE),
    "JPEG bomb": (claims("JPEG", 65_000, 65_000), Status.TOO_LARGE),
    "GIF bomb": (claims("GIF", 65_535, 65_535), Status.TOO_LARGE),
    "BMP bomb": (claims("BMP", 1 << 20, 1 << 20), Status.TOO_LARGE),
    "HDR bomb": (
        b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 30000 +X 30000\n\2\2",
        Status.TOO_LARGE,
    ),
}
SLICED = {
    "JPEG": encode(natural(200, 300), "JPEG"),
    "JPEG progressive": encode(natural(200, 300), "JPEG", progressive=True),
    "JPEG grey": encode(natural(200, 300)[..., 0], "JPEG"),
    "PNG": encode(natural(200, 300)),
    "GIF": encode(Image.fromarray(natural(200, 300)).quantize(), "GIF"),
    "BMP": encode(natural(200, 300), "BMP"),
    "TIFF": encode(natural(200, 300), "TIFF"),
    "TIFF LZW": encode(natural(200, 300), "TIFF", compression="tiff_lzw"),
    "WebP": encode(natural(200, 300), "WEBP"),
}


@pytest.mark.parametrize("name", BAD)
def test_refusals_have_a_code_and_a_reason(backend, name):
    data, status = BAD[name]
    found = outcome(backend, data)
    assert found.status is status
    assert found.file_size == len(data)
    assert found.detail
    assert (found.width, found.height) == (0, 0)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("name", SLICED)
def test_cut_off_files_are_refused(backend, name, share):
    data = SLICED[name]
    assert outcome(backend, data).status is Status.OK
    found = outcome(backend, data[: int(len(data) * share)])
    assert found.status is Status.CORRUPT
    assert found.detail


@pytest.mark.parametrize("missing", [1, 2])
@pytest.mark.parametrize("name", ["JPEG", "JPEG grey", "JPEG progressive"])
def test_a_jpeg_that_lacks_only_its_end_marker_is_whole(seen, name, missing):
    """Two decoders may be at work: what lacks its end is not for the GPU's."""
    whole, cut = seen(SLICED[name], SLICED[name][:-missing])
    np.testing.assert_allclose(whole, cut, rtol=0, atol=tolerances.DECODE_LEVEL)


def test_what_follows_the_end_of_a_jpeg_does_not_matter(seen):
    whole, longer = seen(SLICED["JPEG"], SLICED["JPEG"] + b"\0" * 50 + SLICED["PNG"])
    np.testing.assert_array_equal(whole, longer)


def test_a_bomb_is_told_the_limit(backend):
    data, _ = BAD["PNG bomb"]
    assert str(PLAN.max_pixels) in outcome(backend, data).detail


def test_ten_pixels_are_enough(backend):
    found = outcome(backend, encode(smooth(10, 10)))
    assert (found.status, found.width, found.height) == (Status.OK, 10, 10)


def test_max_pixels_is_the_largest_size_taken(backend):
    data = encode(smooth(40, 50))
    assert outcome(backend, data, PixelPlan(SIDE, SIDE, max_pixels=2000)).status is Status.OK
    refused = outcome(backend, data, PixelPlan(SIDE, SIDE, max_pixels=1999))
    assert refused.status is Status.TOO_LARGE


def test_min_file_size_is_the_smallest_size_taken(backend):
    data = encode(smooth(40, 50))
    plan = PixelPlan(SIDE, SIDE, min_file_size=len(data))
    assert outcome(backend, data, plan).status is Status.OK
    assert outcome(backend, data[:-1], plan).status is Status.FILE_TOO_SMALL
    assert outcome(backend, b"", plan).status is Status.ZERO_SIZE


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file"), Status.MISSING),
        (PermissionError(errno.EACCES, "Permission denied"), Status.UNREADABLE),
        (IsADirectoryError(errno.EISDIR, "Is a directory"), Status.UNREADABLE),
        (OSError("the archive is damaged"), Status.UNREADABLE),
    ],
)
def test_files_that_cannot_be_read(backend, error, status):
    def load() -> bytes:
        raise error

    (found,) = backend.decode([Encoded(4, load)], PLAN).outcomes
    assert (found.index, found.status, found.file_size) == (4, status, -1)
    assert found.detail in str(error)


def test_a_bad_picture_costs_only_itself(backend, seen):
    good = [encode(natural(50 + i, 80, i), "JPEG" if i % 2 else "PNG") for i in range(6)]
    bad = [b"", BAD["PNG bomb"][0], SLICED["PNG"][:900], b"nonsense"]
    mixed = [good[0], bad[0], good[1], good[2], bad[1], bad[2], good[3], good[4], good[5], bad[3]]
    batch = backend.decode([Encoded(100 + e.index, e.load) for e in as_encoded(mixed)], PLAN)
    assert [o.index for o in batch.outcomes] == list(range(100, 110))
    assert [o.status is Status.OK for o in batch.outcomes] == [data in good for data in mixed]
    assert [o.file_size for o in batch.outcomes] == [len(data) for data in mixed]
    heights = [o.height for o in batch.outcomes if o.status is Status.OK]
    assert heights == [50 + i for i in range(6)]
    rows = backend.pixel_stats(batch, advanced=False)
    alone = [
        backend.pixel_stats(backend.decode(as_encoded([data]), PLAN), advanced=False)[0]
        for data in good
    ]
    np.testing.assert_allclose(rows, alone, rtol=tolerances.STATS_RELATIVE)


def test_each_file_is_loaded_once(backend):
    calls: list[int] = []

    def loader(i: int, data: bytes):
        return lambda: calls.append(i) or data

    files = [encode(RGB), b"junk", claims("PNG", 6000, 5000), SLICED["JPEG"][:-2]]
    backend.decode([Encoded(i, loader(i, data)) for i, data in enumerate(files)], PLAN)
    assert sorted(calls) == [0, 1, 2, 3]
