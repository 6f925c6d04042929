"""Videos to frames: which, when, which way up, under which name, and once only."""

from __future__ import annotations

import gc
import io
import os
from pathlib import Path

import numpy as np
import pytest
import video_files as made
from making import rows
from PIL import Image
from video_files import RATE, extract, number_in, numbered, video, written

from fastdup_gpu.sources import frames
from fastdup_gpu.sources.video import extract_frames, folder_names

KINDS = [
    ("a.mp4", "mpeg4"),
    ("a.mp4", "libx264"),
    ("a.MP4", "mpeg4"),
    ("a.m4v", "mpeg4"),
    ("a.avi", "mpeg4"),
    ("a.avi", "mjpeg"),
    ("a.mov", "mjpeg"),
    ("a.mkv", "libx264"),
    ("a.mkv", "ffv1"),
    ("a.webm", "libvpx"),
    ("a.webm", "libvpx-vp9"),
]


@pytest.mark.parametrize(("name", "codec"), KINDS)
def test_all_frames_in_order_with_their_times(tmp_path, name, codec):
    path = video(tmp_path / name, codec)
    source = extract(tmp_path / "out", path)
    folder = tmp_path / "out" / "tmp" / name
    expected = [folder / f"output_{i:06d}.jpg" for i in range(1, 31)]
    assert source.names == [str(p) for p in expected]
    assert [number_in(p) for p in expected] == list(range(30))
    table = rows(tmp_path / "out" / "atrain_frames.csv")
    assert list(table[0]) == ["index", "filename", "video", "frame", "seconds"]
    assert [r["filename"] for r in table] == source.names
    assert [int(r["index"]) for r in table] == [int(r["frame"]) for r in table] == list(range(30))
    assert {r["video"] for r in table} == {str(path)}
    times = [float(r["seconds"]) for r in table]
    np.testing.assert_allclose(times, np.arange(30) / RATE, atol=1e-3)


@pytest.mark.parametrize(("name", "codec"), KINDS)
def test_keyframes(tmp_path, name, codec):
    path = video(tmp_path / name, codec)
    expected = made.keyframes(path)
    source = extract(tmp_path / "out", path, keyframes_only=True)
    assert [number_in(Image.open(io.BytesIO(source.load(i)))) for i in range(len(expected))] == (
        expected
    )
    assert [f.frame for f in source.frames] == expected
    assert [f.seconds for f in source.frames] == pytest.approx([i / RATE for i in expected])
    assert not source.failed


def test_keyframes_of_open_groups(tmp_path, monkeypatch):
    open_groups = "open-gop=1:bframes=3:keyint=20:min-keyint=20:scenecut=0"
    monkeypatch.setitem(made.QUIET, "libx264", {"x264-params": open_groups})
    path = video(tmp_path / "a.mp4", "libx264", pictures=60)
    source = extract(tmp_path / "out", path, keyframes_only=True)
    assert [f.frame for f in source.frames] == [0, 20, 40]
    assert [number_in(Path(name)) for name in source.names] == [0, 20, 40]
    assert not source.failed


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_variable_frame_rate(tmp_path, name):
    times = [0, 1, 2, 30, 31, 90, 200, 201]
    path = video(tmp_path / name, "libx264", pictures=8, times=times)
    source = extract(tmp_path / "out", path)
    assert [f.seconds for f in source.frames] == pytest.approx([t / RATE for t in times], abs=1e-3)
    assert [number_in(tmp_path / f.filename) for f in source.frames] == list(range(8))


def test_time_starts_with_the_video(tmp_path):
    path = video(tmp_path / "a.mp4", times=range(100, 130), movflags="frag_keyframe+empty_moov")
    seconds = [f.seconds for f in extract(tmp_path / "out", path).frames]
    assert seconds == pytest.approx([i / RATE for i in range(30)], abs=1e-3)


@pytest.mark.parametrize(
    ("matrix", "seen"),
    [
        ((0, 1, -1, 0), lambda p: np.rot90(p, -1)),
        ((-1, 0, 0, -1), lambda p: np.rot90(p, 2)),
        ((0, -1, 1, 0), np.rot90),
        ((-1, 0, 0, 1), np.fliplr),
        ((1, 0, 0, -1), np.flipud),
        ((0, 1, 1, 0), lambda p: p.transpose(1, 0, 2)),
    ],
)
def test_frames_are_turned_upright(tmp_path, matrix, seen):
    path = made.turned(video(tmp_path / "a.mp4", pictures=[numbered(13)] * 3), *matrix)
    (frame, *_) = extract(tmp_path / "out", path).frames
    pixels = np.asarray(Image.open(frame.filename), float)
    upright = seen(numbered(13)).astype(float)
    assert pixels.shape == upright.shape
    assert np.abs(pixels - upright).mean() < 6


@pytest.mark.skipif(not hasattr(made.av.VideoFrame, "rotation"), reason="PyAV tells no rotation")
@pytest.mark.parametrize(
    ("matrix", "turns"),
    [((1, 0, 0, 1), 0), ((0, 1, -1, 0), -1), ((-1, 0, 0, -1), 2), ((0, -1, 1, 0), 1)],
)
def test_frames_are_turned_where_pyav_does_not_know_all_side_data(
    tmp_path, monkeypatch, matrix, turns
):
    def unknown(_):
        raise ValueError("99 is not a valid Type")

    path = made.turned(video(tmp_path / "a.mp4", pictures=[numbered(13)]), *matrix)
    monkeypatch.setattr("av.sidedata.sidedata.SideDataContainer", unknown)
    (frame,) = extract(tmp_path / "out", path).frames
    pixels = np.asarray(Image.open(frame.filename), float)
    assert np.abs(np.rot90(pixels, -turns) - numbered(13)).mean() < 6


def test_frames_are_good_jpegs(tmp_path):
    (name,) = extract(tmp_path / "out", video(tmp_path / "a.mkv", "ffv1", pictures=1)).names
    picture = Image.open(name)
    assert picture.format == "JPEG"
    assert np.abs(np.asarray(picture, float) - numbered(0)).mean() < 2
    saved = io.BytesIO()
    picture.save(saved, "JPEG", quality=95)
    assert picture.quantization == Image.open(saved).quantization


@pytest.mark.parametrize("size", [(160, 160), (24, 48)])
def test_resizing(tmp_path, size):
    source = extract(tmp_path / "out", video(tmp_path / "a.avi", pictures=3), resize_to=size)
    assert {Image.open(name).size for name in source.names} == {size}
    assert [number_in(tmp_path / name) for name in source.names] == [0, 1, 2]


HOSTILE = [
    "-i.mp4",
    "%06d.mp4",
    'it\'s "quoted" $(touch x);.mp4',
    "new\nline\rand,comma.mp4",
    "concat:a.mp4|b.mp4",
    "http:x.mp4",
    os.fsdecode(b"latin-\xe9.mp4"),
    "猫" * 80 + ".mp4",
    ".mp4",
    "* ?.mp4",
]


def test_hostile_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for i, name in enumerate(HOSTILE):
        video(tmp_path / name, pictures=[numbered(i)] * 2)
    source = extract(tmp_path / "out", *HOSTILE)
    assert [f.video for f in source.frames] == [n for n in HOSTILE for _ in range(2)]
    assert [number_in(tmp_path / f.filename) for f in source.frames] == [
        i for i in range(len(HOSTILE)) for _ in range(2)
    ]
    assert rows(tmp_path / "out" / "atrain_frames.csv")[6]["video"] == HOSTILE[3]
    assert not source.failed
    assert {p.name for p in tmp_path.iterdir()} == {*HOSTILE, "out"}


def test_videos_of_one_name_do_not_meet(tmp_path):
    paths = [video(tmp_path / d / "a.mp4", pictures=[numbered(i)] * 2) for i, d in enumerate("xyz")]
    paths.append(video(tmp_path / "w" / "A.mp4", pictures=[numbered(3)] * 2))
    source = extract(tmp_path / "out", *paths)
    assert [number_in(tmp_path / n) for n in source.names] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert source.names[0] == str(tmp_path / "out" / "tmp" / "a.mp4" / "output_000001.jpg")
    assert len({str(Path(n).parent).casefold() for n in source.names}) == 4


def test_folder_names_are_stable_and_short():
    base = "x/" + "é" * 124 + ".mp4"
    names = folder_names(["b/v.mp4", "a/v.mp4", "V.mp4", base, "y" + base])
    assert names[0] == "v.mp4"
    assert names == folder_names(["b/v.mp4", "a/v.mp4", "V.mp4", base, "y" + base])
    assert len({n.casefold() for n in names}) == 5
    assert max(len(os.fsencode(n)) for n in names) < 255
    assert folder_names(["c/v.mp4", "a/v.mp4"])[1] == names[1]


def test_a_video_named_twice_counts_once(tmp_path, caplog):
    path = video(tmp_path / "a.mp4", pictures=3)
    assert len(extract(tmp_path / "out", path, path).names) == 3
    assert "1 of 2" in caplog.text


@pytest.fixture
def decoded(monkeypatch):
    """The videos that were decoded, by size of file."""
    seen = []
    real = frames.Reader
    monkeypatch.setattr(
        frames, "Reader", lambda file, size, **given: seen.append(size) or real(file, size, **given)
    )
    return seen


def test_resume_leaves_finished_videos_alone(tmp_path, decoded):
    first, second = video(tmp_path / "a.mp4"), video(tmp_path / "b.mkv", pictures=7)
    out = tmp_path / "out"
    before = extract(out, first, second)
    decoded.clear()
    again = extract(out, first, second, resume=True)
    assert decoded == []
    assert (again.names, again.frames) == (before.names, before.frames)
    extract(out, first, second)
    assert len(decoded) == 2


@pytest.mark.parametrize("change", ["argument", "size", "video", "frame", "half", "no json"])
def test_resume_does_again_what_changed(tmp_path, decoded, change):
    out, given = tmp_path / "out", {}
    path = video(tmp_path / "a.mp4")
    extract(out, path)
    record = out / "tmp" / "a.mp4" / "frames.json"
    decoded.clear()
    if change == "argument":
        given["keyframes_only"] = True
    elif change == "size":
        given["resize_to"] = (32, 32)
    elif change == "video":
        os.utime(path, ns=(1, 1))
    elif change == "frame":
        (out / "tmp" / "a.mp4" / "output_000030.jpg").unlink()
    elif change == "half":
        record.unlink()
        (out / "tmp" / "a.mp4" / ".output_000031.jpg.1234.tmp").touch()
    else:
        record.write_text("{")
    source = extract(out, path, resume=True, **given)
    assert len(decoded) == 1
    assert written(out) == [os.path.relpath(n, out) for n in source.names]
    fresh = extract(tmp_path / "fresh", path, **given)
    assert [source.load(i) for i in range(len(source.names))] == [
        fresh.load(i) for i in range(len(fresh.names))
    ]


def test_frames_of_a_longer_video_do_not_stay(tmp_path):
    out = tmp_path / "out"
    extract(out, video(tmp_path / "a.mp4", pictures=20))
    (out / "tmp" / "a.mp4" / "mine.txt").write_text("kept")
    extract(out, video(tmp_path / "a.mp4", pictures=4))
    assert len(written(out)) == 4
    assert (out / "tmp" / "a.mp4" / "mine.txt").is_file()


def test_threads_change_nothing(tmp_path):
    paths = [str(video(tmp_path / f"{i}.mp4", "libx264", pictures=10 + i)) for i in range(5)]
    one = extract_frames(paths, tmp_path / "1", keyframes_only=False, threads=1)
    many = extract_frames(paths, tmp_path / "4", keyframes_only=False, threads=4)
    assert [one.load(i) for i in range(60)] == [many.load(i) for i in range(60)]
    assert [f.frame for f in one.frames] == [f.frame for f in many.frames]


def test_a_part_of_the_videos_keeps_its_folders(tmp_path):
    paths = [video(tmp_path / d / "a.mp4", pictures=[numbered(i)]) for i, d in enumerate("xyz")]
    whole = extract(tmp_path / "whole", *paths)
    part = extract(tmp_path / "part", *paths, first=1, last=2)
    assert [Path(n).parts[-2:] for n in part.names] == [Path(whole.names[1]).parts[-2:]]


def test_another_kind_has_its_own_folder_and_table(tmp_path):
    path = video(tmp_path / "a.mp4", pictures=2)
    source = extract(tmp_path / "out", path, kind="atest")
    assert written(tmp_path / "out")[0] == "tmp/atest/a.mp4/output_000001.jpg"
    assert len(rows(tmp_path / "out" / "atest_frames.csv")) == len(source.names) == 2


def test_memory_does_not_grow_with_the_video(tmp_path):
    process = pytest.importorskip("psutil").Process()
    picture = np.kron(numbered(5), np.ones((10, 10, 1), np.uint8))
    extract(tmp_path / "out", video(tmp_path / "short.mp4", pictures=[picture] * 5))
    path = video(tmp_path / "long.mp4", pictures=[picture] * 100)
    before, most = process.memory_info().rss, 0
    gc.disable()
    try:
        extract(tmp_path / "out", path)
        most = process.memory_info().rss
    finally:
        gc.enable()
    assert most - before < 100 * picture.size / 4
