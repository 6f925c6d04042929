"""Small pictures: upright, boxed, and never an exception."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from making import photos, run
from PIL import Image

from fastdup_gpu.galleries import thumbs
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
    read = thumbs.reader_in(tmp_path / "tars")
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
    assert thumbs.reader_in(None, Path("../there/out"))("in/0000.jpg") == first
    Path("in").mkdir()
    Path("in/0000.jpg").write_bytes(b"nearer")
    assert thumbs.reader_in(None, Path("../there/out"))("in/0000.jpg") == b"nearer"
    with pytest.raises(FileNotFoundError):
        thumbs.reader_in(None, Path("../there/out"))("in/none.jpg")
