"""Broken, cut and hostile videos: they give what they have, and a reason."""

from __future__ import annotations

import errno
import io
import os
import random
import threading

import pytest
import video_files as made
from PIL import Image
from video_files import extract, number_in, video, written

from fastdup_gpu._errors import WorkDirError
from fastdup_gpu.sources import decoding, frames
from fastdup_gpu.sources.containers import missing_bytes


def reason(source):
    """Of the one item that fails; it is named and loads as it should."""
    (index,) = source.failed
    with pytest.raises(OSError) as error:
        source.load(index)
    assert source.names[index] == error.value.filename
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "options"),
    [("a.mp4", {"movflags": "faststart"}), ("a.avi", {}), ("a.mkv", {}), ("a.webm", {})],
)
def test_a_cut_video_gives_what_it_has(tmp_path, name, options):
    codec = "libvpx" if name == "a.webm" else "mjpeg" if name == "a.avi" else "ffv1"
    codec = "mpeg4" if name == "a.mp4" else codec
    path = made.cut(video(tmp_path / name, codec, gop=1, **options), 0.7)
    good = video(tmp_path / "good.mp4")
    source = extract(tmp_path / "out", path, good)
    count = len(source.names) - 31
    assert 5 < count < 29
    numbers = [number_in(tmp_path / n) for n in source.names if n.endswith(".jpg")]
    assert numbers == [*range(count), *range(30)]
    assert source.names[count] == str(path)
    assert "truncated" in reason(source)
    assert [f.index for f in source.frames] == [i for i in range(len(source.names)) if i != count]


def test_a_damaged_video_goes_on_after_the_damage(tmp_path):
    path = video(tmp_path / "a.mov", "mjpeg")
    data = bytearray(path.read_bytes())
    starts = [i for i in range(len(data)) if data[i : i + 3] == b"\xff\xd8\xff"]
    data[starts[10] : starts[11]] = bytes(starts[11] - starts[10])
    path.write_bytes(data)
    source = extract(tmp_path / "out", path)
    assert [f.frame for f in source.frames] == [i for i in range(30) if i != 10]
    assert [number_in(tmp_path / f.filename) for f in source.frames] == [
        f.frame for f in source.frames
    ]
    assert "1 of 30 packets" in reason(source)


def test_what_is_no_video_is_one_failing_item(tmp_path, caplog):
    (tmp_path / "text.mp4").write_text("no video at all\n" * 60)
    (tmp_path / "empty.mp4").touch()
    made.sound(tmp_path / "sound.mp4")
    made.cut(video(tmp_path / "headless.mp4"), 0.5)
    os.mkfifo(tmp_path / "pipe.mp4")
    names = ["text", "empty", "sound", "headless", "pipe", "missing"]
    paths = [str(tmp_path / f"{n}.mp4") for n in names]
    source = extract(tmp_path / "out", *paths, "s3://bucket/a.mp4", "a\0.mp4")
    assert source.names == [*paths, "s3://bucket/a.mp4", "a\0.mp4"]
    why = [source.failed[i].strerror for i in range(8)]
    for text, expected in zip(
        why,
        ["known format", "", "audio", "truncated", "regular", "No such", "local", ""],
        strict=True,
    ):
        assert text
        assert expected in text
    assert source.failed[5].errno == errno.ENOENT
    with pytest.raises(FileNotFoundError):
        source.load(5)
    assert "8 of 8 video(s)" in caplog.text
    assert written(tmp_path / "out") == []


def test_a_cover_is_no_video(tmp_path):
    source = extract(tmp_path / "out", made.sound(tmp_path / "a.mp4", cover=True))
    assert not source.frames
    assert "contains no video" in reason(source)


def test_huge_frames_are_refused(tmp_path):
    """Once claimed by the header, once by a frame in the middle."""
    header = video(tmp_path / "header.mp4")
    data = bytearray(header.read_bytes())
    at = data.index(b"mp4v") + 28
    assert data[at : at + 4] == bytes([0, made.WIDTH, 0, made.HEIGHT])
    data[at : at + 4] = b"\x75\x30\x75\x30"
    # The decoder's own header goes too; it would say the true size.
    at = data.index(b"esds")
    data[at : at + 4] = b"free"
    header.write_bytes(data)
    frame = video(tmp_path / "frame.avi", "mjpeg")
    data = bytearray(frame.read_bytes())
    sizes = [i + 5 for i in range(len(data)) if data[i : i + 4] == b"\xff\xc0\x00\x11"]
    assert len(sizes) == 30
    data[sizes[20] : sizes[20] + 4] = b"\xff\x00\xff\x00"
    frame.write_bytes(data)
    source = extract(tmp_path / "out", header, frame)
    assert [f.frame for f in source.frames] == [i for i in range(30) if i != 20]
    assert [e.filename for e in source.failed.values()] == [str(header), str(frame)]
    assert str(decoding.MAX_PIXELS) in source.failed[0].strerror


def test_frames_over_the_limit_of_pixels(tmp_path, monkeypatch):
    monkeypatch.setattr(decoding, "MAX_PIXELS", made.WIDTH * made.HEIGHT - 1)
    source = extract(tmp_path / "out", video(tmp_path / "a.mp4", "libx264", pictures=2))
    assert f"{made.WIDTH} x {made.HEIGHT}" in reason(source)
    monkeypatch.setattr(decoding, "MAX_PIXELS", 4 * made.WIDTH * made.HEIGHT)
    assert len(extract(tmp_path / "out", tmp_path / "a.mp4").frames) == 2


@pytest.mark.parametrize(
    "text",
    ["#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{}\n", "ffconcat version 1.0\nfile {}\n"],
)
def test_a_playlist_leads_nowhere(tmp_path, text):
    secret = video(tmp_path / "secret.mp4")
    (tmp_path / "list.mp4").write_text(text.format(secret))
    source = extract(tmp_path / "out", tmp_path / "list.mp4")
    assert not source.frames
    assert "known format" in reason(source)


def test_a_full_disk_is_told_and_ends_all_threads(tmp_path, monkeypatch):
    paths = [video(tmp_path / f"{i}.mp4") for i in range(4)]
    before = threading.active_count()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(frames, "_save", full)
    with pytest.raises(WorkDirError, match="No space left"):
        extract(tmp_path / "out", *paths)
    assert threading.active_count() == before
    assert not list((tmp_path / "out").rglob("frames.json"))


def test_a_work_dir_that_cannot_be_used(tmp_path):
    path = video(tmp_path / "a.mp4")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "tmp").touch()
    with pytest.raises(WorkDirError, match="give a work_dir"):
        extract(tmp_path / "out", path)


def test_a_disk_error_while_reading_is_no_crash(tmp_path, monkeypatch):
    path = video(tmp_path / "a.mkv", "ffv1", gop=1)
    real = os.fdopen

    class Failing(io.FileIO):
        def read(self, size=-1):
            if self.tell() > path.stat().st_size // 2:
                raise OSError(errno.EIO, "Input/output error")
            return super().read(min(size, 1000))

    def fdopen(fd, mode):
        return Failing(fd) if mode == "rb" else real(fd, mode)

    monkeypatch.setattr(frames.os, "fdopen", fdopen)
    source = extract(tmp_path / "out", path)
    assert "nput/output error" in reason(source)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "mpeg4"), ("a.avi", "mjpeg"), ("a.webm", "libvpx")]
)
def test_random_damage_never_raises(tmp_path, name, codec):
    path = video(tmp_path / name, codec, pictures=6)
    data = path.read_bytes()
    dice = random.Random(7)
    for _ in range(40):
        damaged = bytearray(data)
        for _ in range(dice.choice([1, 5, 50])):
            damaged[dice.randrange(len(data))] = dice.randrange(256)
        path.write_bytes(damaged[: dice.choice([len(data), dice.randrange(len(data))])])
        source = extract(tmp_path / "out", path)
        assert len(source.names) == len(source.frames) + len(source.failed)
        for frame in source.frames:
            Image.open(frame.filename).load()


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "mpeg4"), ("a.avi", "mjpeg"), ("a.mkv", "ffv1"), ("a.mov", "mjpeg")],
)
def test_missing_bytes_are_counted(tmp_path, name, codec):
    data = video(tmp_path / name, codec, pictures=5).read_bytes()
    assert missing_bytes(io.BytesIO(data), len(data)) == 0
    if name in ("a.avi", "a.mkv"):  # the outermost box tells the size of the whole
        for missing in (1, 100, len(data) // 2):
            assert missing_bytes(io.BytesIO(data[:-missing]), len(data) - missing) == missing
    else:
        assert missing_bytes(io.BytesIO(data[:-1]), len(data) - 1) == 1
        assert missing_bytes(io.BytesIO(data[: len(data) // 2]), len(data) // 2) > 0
    for size in range(64):
        assert missing_bytes(io.BytesIO(data[:size]), size) >= 0
