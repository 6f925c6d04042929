"""Small pictures: upright, boxed, and never an exception."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from making import photos, run
from PIL import Image

from fastdup_gpu import pixel_budget
from fastdup_gpu.galleries import thumbs
from fastdup_gpu.galleries.readers import Reader
from galleries.conftest import paint


def pixels(thumb):
    return np.asarray(Image.open(io.BytesIO(thumb.data)).convert("RGB")).astype(int)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".gif", ".bmp", ".webp", ".tif"])
def test_longer_side_has_the_size_and_the_whole_picture_is_measured(tmp_path, suffix):
    name = paint(tmp_path / f"wide{suffix}", (800, 200))
    (thumb,) = thumbs.make_thumbs([name], [256])
    assert (thumb.width, thumb.height, thumb.why) == (800, 200, "")
    assert pixels(thumb).shape == (64, 256, 3)


def test_small_pictures_are_not_enlarged(tmp_path):
    (thumb,) = thumbs.make_thumbs([paint(tmp_path / "a.png", (20, 10))], [256])
    assert pixels(thumb).shape == (10, 20, 3)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_exif_orientation_is_heeded(tmp_path, suffix):
    image = Image.new("RGB", (100, 40), "black")
    image.paste("white", (0, 0, 50, 40))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter to the right: what was left is on top
    image.save(tmp_path / f"a{suffix}", exif=exif)
    (thumb,) = thumbs.make_thumbs([str(tmp_path / f"a{suffix}")], [256])
    assert (thumb.width, thumb.height) == (40, 100)
    assert pixels(thumb)[10].mean() > 240
    assert pixels(thumb)[90].mean() < 15


def test_an_orientation_that_does_not_exist_turns_nothing(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 9
    Image.new("RGB", (100, 40)).save(tmp_path / "a.jpg", exif=exif)
    (thumb,) = thumbs.make_thumbs([str(tmp_path / "a.jpg")], [256])
    assert (thumb.width, thumb.height) == (100, 40)


@pytest.fixture
def taken(monkeypatch):
    """What was taken of the budget of pixels, by images of over 100."""
    found = []

    class Budget(pixel_budget._Budget):
        def take(self, pixels):
            found.append(pixels)
            return super().take(pixels)

    monkeypatch.setattr(pixel_budget, "_budget", Budget(1000))
    monkeypatch.setattr(pixel_budget, "_LARGE", 100)
    return found


@pytest.mark.parametrize(
    ("options", "pixels"),
    [({}, []), ({"progressive": True}, [400 * 300]), ({"quality": 95, "subsampling": 0}, [])],
)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_that_libjpeg_holds_whole_takes_of_the_budget(
    tmp_path, monkeypatch, taken, mode, options, pixels
):
    """A small version of any other is decoded in little memory."""
    Image.new(mode, (400, 300)).save(tmp_path / "a.jpg", **options)
    monkeypatch.setattr(pixel_budget, "_LARGE", 50 * 38)
    (thumb,) = thumbs.make_thumbs([str(tmp_path / "a.jpg")], [20])
    assert (thumb.width, thumb.height) == (400, 300)
    assert taken == pixels


def test_a_jpeg_of_one_colour_after_the_other_takes_of_the_budget(tmp_path, taken):
    (tmp_path / "a.jpg").write_bytes(one_scan_a_colour())
    (thumb,) = thumbs.make_thumbs([str(tmp_path / "a.jpg")], [1])
    assert (thumb.width, thumb.height, thumb.why) == (16, 16, "")
    assert taken == [16 * 16]


def test_a_long_jpeg_that_cannot_be_decoded_small_takes_of_the_budget(tmp_path, taken):
    Image.new("RGB", (400, 30)).save(tmp_path / "a.jpg")
    thumbs.make_thumbs([str(tmp_path / "a.jpg")], [20])
    assert taken == [400 * 30]


def one_scan_a_colour() -> bytes:
    """A grey picture of three colours, each with a scan of its own, that are all zeros."""
    stream = io.BytesIO()
    Image.new("RGB", (16, 16), (128, 128, 128)).save(stream, "JPEG", subsampling=0)
    data = stream.getvalue()
    begin = data.index(b"\xff\xda")
    header = data[begin + 5 : begin + 11]
    scans = (
        b"\xff\xda\0\x08\x01" + header[i : i + 2] + b"\0\x3f\0" + zeros(header[i + 1])
        for i in (0, 2, 4)
    )
    return data[:begin] + b"".join(scans) + b"\xff\xd9"


def zeros(tables: int) -> bytes:
    """Four blocks of zeros, by the Huffman tables that every JPEG of Pillow has."""
    dc, ac = ("00", "1010") if tables == 0 else ("00", "00")
    bits = 4 * (dc + ac)
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8)


def test_boxes_are_drawn_where_they_are_in_the_whole_picture(tmp_path):
    Image.new("RGB", (400, 400), "black").save(tmp_path / "a.png")
    boxes = {str(tmp_path / "a.png"): [(100, 100, 300, 200)]}
    (thumb,) = thumbs.make_thumbs(list(boxes), [200], boxes.__getitem__)
    drawn = pixels(thumb).sum(axis=2) > 200
    rows, columns = np.nonzero(drawn)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == pytest.approx(
        (50, 100, 50, 150), abs=1
    )


def test_broken_and_missing_pictures_say_why(tmp_path):
    (tmp_path / "text.jpg").write_text("no picture")
    whole = (tmp_path / "b.png", paint(tmp_path / "b.png", (300, 300)))[0].read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    names = [str(tmp_path / n) for n in ("text.jpg", "cut.png", "none.png", "nul\0.png")]
    for thumb in thumbs.make_thumbs(names, [256] * 4):
        assert thumb.data == b""
        assert thumb.why.startswith("cannot be ")


def test_members_of_tars_are_found_in_the_folder_given(tmp_path):
    picture = paint(tmp_path / "a.png")
    (tmp_path / "tars").mkdir()
    with tarfile.open(tmp_path / "tars" / "shard-0.tar", "w") as tar:
        tar.add(picture, "000.png")
    read = Reader(tmp_path / "tars")
    wanted = (tmp_path / "a.png").read_bytes()
    assert read("/once/here/shard-0.tar/000.png") == wanted
    assert read("shard-0.tar/000.png") == wanted
    assert read(picture) == wanted
    with pytest.raises(OSError, match="nowhere"):
        read("nowhere.png")


def test_relative_names_begin_where_the_run_was_made(tmp_path, monkeypatch):
    (tmp_path / "there").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "there")
    first = photos(Path("in"), 2)[0].read_bytes()
    assert run("in", Path("out")) == 0
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert Reader(None, Path("../there/out"))("in/0000.jpg") == first
    Path("in").mkdir()
    Path("in/0000.jpg").write_bytes(b"of another project")
    assert Reader(None, Path("../there/out"))("in/0000.jpg") == first
    Path("../there").rename("../moved")
    assert Reader(None, Path("../moved/out"))("in/0000.jpg") == first
    with pytest.raises(FileNotFoundError):
        Reader(None, Path("../moved/out"))("in/none.jpg")
