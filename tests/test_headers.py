"""What the header of a picture tells, without decoding it: for keeping, galleries and exports."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from making import photo

from fastdup_gpu.sources.pixels import Header, read_header


def test_sides_are_those_of_the_upright_picture():
    stream = io.BytesIO()
    exif = photo(1).getexif()
    exif[0x0112] = 6
    photo(1, 120, 90).save(stream, "JPEG", exif=exif)
    assert read_header(stream) == Header(90, 120, "JPEG")


def test_a_picture_that_only_opencv_reads(tmp_path):
    path = str(tmp_path / "a.hdr")
    cv2.imwrite(path, np.ones((30, 40, 3), np.float32))
    with Path(path).open("rb") as stream:
        assert read_header(stream) == Header(40, 30, "")


@pytest.mark.parametrize("data", [b"", b"no picture", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_says_so(data):
    assert "Unidentified" in read_header(io.BytesIO(data))


def test_heic_is_known_before_any_run(tmp_path):
    heif = pytest.importorskip("pillow_heif")
    path = tmp_path / "a.heic"
    heif.from_pillow(photo(1, 64, 48)).save(path)
    code = (
        "import sys; from fastdup_gpu.sources.pixels import read_header; "
        "print(read_header(open(sys.argv[1], 'rb')))"
    )
    done = subprocess.run([sys.executable, "-c", code, path], check=True, capture_output=True)
    assert b"width=64, height=48" in done.stdout
