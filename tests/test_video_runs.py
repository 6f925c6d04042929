"""Videos as input of run(), and extract_video_frames()."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import onnx_models
import pytest
import tolerances
from making import photo, photos, rows, run
from PIL import Image
from video_files import RATE, video

import fastdup_gpu as fastdup
from fastdup_gpu._errors import InvalidArgument, MissingDependency
from fastdup_gpu.models.manifest import DEFAULT
from fastdup_gpu.sources import open_source
from fastdup_gpu.sources.video import extract_frames


def scene(blocks: bool = False, count: int = 8) -> list[np.ndarray]:
    """A smooth picture, or one of black and white blocks, through which a window moves slowly."""
    pixels = np.asarray(photo(1, 160, 120))
    if blocks:
        coarse = np.random.default_rng(2).integers(0, 2, (15, 20, 1)) * 255
        pixels = np.broadcast_to(coarse.repeat(8, 0).repeat(8, 1), (120, 160, 3)).astype(np.uint8)
    return [pixels[i : i + 96, 2 * i : 2 * i + 128] for i in range(count)]


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Two videos of one scene, one of another, and a broken one."""
    root = tmp_path_factory.mktemp("clips")
    video(root / "in" / "one.mp4", pictures=scene(), gop=4)
    video(root / "in" / "sub" / "one.avi", "mjpeg", pictures=scene())
    video(root / "in" / "two.mkv", "ffv1", pictures=scene(blocks=True), gop=4)
    (root / "in" / "three.mp4").write_text("broken")
    return root


@pytest.fixture(scope="module")
def ran(clips):
    assert run(clips / "in", clips / "out") == 0
    return clips / "out"


def videos_of(work_dir: Path) -> dict[str, str]:
    return {r["filename"]: Path(r["video"]).name for r in rows(work_dir / "atrain_frames.csv")}


def test_frames_are_the_items_of_a_run(ran, clips):
    names = [r["filename"] for r in rows(ran / "atrain_features.dat.csv")]
    table = rows(ran / "atrain_frames.csv")
    assert [r["filename"] for r in table] == names
    assert [Path(n).parent.name for n in names] == (
        ["one.mp4"] * 2 + ["one.avi"] * 8 + ["two.mkv"] * 2
    )
    assert [int(r["frame"]) for r in table] == [0, 4, *range(8), 0, 4]
    assert {float(r["seconds"]) for r in table[:2]} == {0, 4 / RATE}
    (bad,) = rows(ran / "atrain_features.bad.csv")
    assert bad["filesize"] == str(len("broken"))
    assert bad["filename"] == str(clips / "in" / "three.mp4")
    assert bad["error_code"] == "ERROR_UNREADABLE_FILE"
    assert int(bad["index"]) == 10
    assert "10" not in [r["index"] for r in table]


def test_the_same_scene_is_found_in_two_videos(ran):
    which = videos_of(ran)
    pairs = {(which[r["from"]], which[r["to"]]) for r in rows(ran / "similarity.csv")}
    assert ("one.mp4", "one.avi") in pairs
    assert not {p for p in pairs if ("two.mkv" in p) != (p == ("two.mkv", "two.mkv"))}


def test_galleries_of_videos(ran, tmp_path):
    assert fastdup.create_duplicate_videos_gallery(ran, tmp_path) == 0
    page = (tmp_path / "duplicate_videos.html").read_text()
    assert "one.mp4" in page
    assert "one.avi" in page
    assert "two.mkv" not in page
    assert fastdup.create_component_videos_gallery(ran, tmp_path) == 0
    assert "one.avi" in (tmp_path / "component_videos.html").read_text()


@pytest.mark.parametrize("form", ["list", "list file", "one video"])
def test_forms_of_input(clips, tmp_path, form):
    paths = [str(clips / "in" / "two.mkv"), str(clips / "in" / "one.mp4")]
    given: object = paths
    if form == "list file":
        given = tmp_path / "list.txt"
        given.write_text("\n".join(paths))
    elif form == "one video":
        given, paths = Path(paths[0]), paths[:1]
    assert run(given, tmp_path / "out", run_mode=1) == 0
    assert [r["video"] for r in rows(tmp_path / "out" / "atrain_frames.csv")] == [
        p for p in paths for _ in range(2)
    ]


def test_all_frames_by_turi_param(clips, tmp_path):
    given = clips / "in" / "two.mkv"
    assert run(given, tmp_path, run_mode=1, turi_param="keyframes_only=0") == 0
    assert [r["frame"] for r in rows(tmp_path / "atrain_frames.csv")] == [str(i) for i in range(8)]


def test_a_resumed_run_is_the_same(ran, clips, tmp_path, monkeypatch):
    from fastdup_gpu.sources import frames

    given = [str(clips / "in" / "one.mp4"), str(clips / "in" / "two.mkv")]
    assert run(given, tmp_path) == 0
    before = (tmp_path / "similarity.csv").read_bytes()
    monkeypatch.setattr(frames, "Reader", None)  # nothing is left to decode
    assert run(given, tmp_path, resume=1) == 0
    assert (tmp_path / "similarity.csv").read_bytes() == before


def test_the_work_dir_may_be_the_folder_of_videos(tmp_path):
    video(tmp_path / "a.mp4", pictures=scene(), gop=4)
    for _ in range(2):
        assert run(tmp_path, tmp_path) == 0
        assert len(rows(tmp_path / "atrain_features.dat.csv")) == 2
        assert len(rows(tmp_path / "atrain_frames.csv")) == 2


def test_extracted_frames_are_an_input(clips, tmp_path):
    assert fastdup.extract_video_frames(clips / "in", tmp_path) == 0
    for work_dir in (tmp_path / "out", tmp_path):
        assert run(tmp_path, work_dir, run_mode=1) == 0
        assert len(rows(work_dir / "atrain_features.dat.csv")) == 12


def test_videos_among_pictures(tmp_path, caplog):
    photos(tmp_path / "in", 3)
    video(tmp_path / "in" / "a.mp4", pictures=scene())
    pictures = open_source(str(tmp_path / "in"), work_dir=tmp_path / "out")
    assert [Path(n).suffix for n in pictures.names] == [".jpg"] * 3
    assert "left out 1 videos" in caplog.text
    assert not (tmp_path / "out").exists()
    compressed = open_source(str(tmp_path / "in"), work_dir=tmp_path / "out", tar_only=True)
    assert [Path(n).parent.name for n in compressed.names] == ["a.mp4"]
    assert "left out 3 images" in caplog.text


def test_boxes_are_cut_out_of_frames(clips, tmp_path):
    box = "row_y=4,col_x=2,height=30,width=20"
    source = open_source(str(clips / "in" / "one.mp4"), work_dir=tmp_path, bounding_box=box)
    assert [Image.open(n).size for n in source.names] == [(20, 30)] * 2
    assert Path(source.crops[0].filename).parent.name == "one.mp4"


def test_videos_of_test_dir(clips, tmp_path):
    train, test = clips / "in" / "one.mp4", clips / "in" / "sub"
    assert run(train, tmp_path, test_dir=str(test), threshold=0.5) == 0
    assert (tmp_path / "tmp" / "atest" / "one.avi" / "output_000008.jpg").is_file()
    assert len(rows(tmp_path / "atest_frames.csv")) == 8
    edges = rows(tmp_path / "similarity.csv")
    assert {Path(r["from"]).parent.name for r in edges} == {"one.avi"}
    assert {Path(r["to"]).parent.name for r in edges} == {"one.mp4"}


def test_nothing_but_broken_videos_is_a_failure(tmp_path, caplog):
    (tmp_path / "a.mp4").write_text("broken")
    assert run(tmp_path / "a.mp4", tmp_path / "out") == 1
    assert "no image could be read" in caplog.text
    assert len(rows(tmp_path / "out" / "atrain_features.bad.csv")) == 1
    assert fastdup.extract_video_frames(str(tmp_path / "a.mp4"), tmp_path / "out2") == 1
    assert "no frame could be read" in caplog.text


def test_without_pyav(clips, tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "av", None)
    path = str(clips / "in" / "one.mp4")
    with pytest.raises(MissingDependency, match=r"one\.mp4.*pip install 'fastdup-gpu\[video\]'"):
        open_source(path, work_dir=tmp_path)
    assert run(path, tmp_path) == 1
    assert fastdup.extract_video_frames(path, tmp_path) == 1
    assert caplog.text.count("pip install 'fastdup-gpu[video]'") == 2


def _has_gpu() -> bool:
    return Path("/dev/nvidiactl").exists()


@pytest.mark.skipif(_has_gpu(), reason="there is an NVIDIA GPU")
def test_decoding_by_a_gpu_that_is_not_there_is_refused(clips, tmp_path, caplog):
    assert run(clips / "in", tmp_path / "out", turi_param="video_decoder=cuda") == 1
    assert "video_decoder=cuda needs an NVIDIA driver and GPU 0" in caplog.text
    assert not (tmp_path / "out" / "tmp" / "one.mp4").exists()


@pytest.mark.gpu
@pytest.mark.skipif(not _has_gpu(), reason="needs an NVIDIA GPU")
def test_a_gpu_decodes_the_same_frames(tmp_path):
    path = video(tmp_path / "one.mp4", pictures=scene(), gop=4)
    ours, theirs = (
        extract_frames([str(path)], tmp_path / name, keyframes_only=False, cuda_device=device)
        for name, device in (("gpu", 0), ("cpu", None))
    )
    assert len(ours.names) == len(theirs.names) > 0
    for left, right in zip(ours.names, theirs.names, strict=True):
        pixels = [np.asarray(Image.open(name), float) for name in (left, right)]
        assert np.abs(pixels[0] - pixels[1]).mean() <= tolerances.DECODE_MEAN


def test_extract_video_frames(clips, tmp_path, capsys):
    assert fastdup.extract_video_frames(clips / "in", tmp_path, verbose=True) == 0
    which = videos_of(tmp_path)
    assert sorted(set(which.values())) == ["one.avi", "one.mp4", "two.mkv"]
    assert len(which) == 12
    assert all(Path(name).is_file() for name in which)
    assert "12 frames of 4 videos, 1 damaged" in capsys.readouterr().out
    assert not (tmp_path / "atrain_features.dat").exists()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"num_images": 1}, {"one.mp4"}),
        ({"min_offset": 1}, {"one.avi", "two.mkv"}),
        ({"max_offset": 3}, {"one.mp4", "one.avi"}),
        ({"min_offset": 1, "max_offset": 4, "num_images": 1}, {"one.avi"}),
    ],
)
def test_offsets_count_videos(clips, tmp_path, given, expected):
    """In order of path: one.mp4, sub/one.avi, three.mp4 (broken), two.mkv."""
    assert fastdup.extract_video_frames(clips / "in", tmp_path, **given) == 0
    assert set(videos_of(tmp_path).values()) == expected


def test_offsets_count_a_video_that_is_listed_twice_once(clips, tmp_path):
    one, two = (str(clips / "in" / name) for name in ("one.mp4", "two.mkv"))
    assert fastdup.extract_video_frames([one, one, two], tmp_path, min_offset=1) == 0
    assert set(videos_of(tmp_path).values()) == {"two.mkv"}
    assert fastdup.extract_video_frames([one, one], tmp_path, min_offset=1) == 1


def test_all_frames(clips, tmp_path):
    path = clips / "in" / "one.mp4"
    assert fastdup.extract_video_frames(path, tmp_path, keyframes_only=0) == 0
    assert len(videos_of(tmp_path)) == 8


def test_resizing_to_the_input_of_a_model(clips, tmp_path):
    path = clips / "in" / "one.mp4"
    own = onnx_models.mean_and_max(tmp_path / "own.onnx", 24, 40)
    side = DEFAULT["fp16"].side
    for model, size in (({}, (side, side)), ({"model_path": own, "d": 6}, (40, 24))):
        assert fastdup.extract_video_frames(path, tmp_path, resize_video=1, **model) == 0
        assert {Image.open(n).size for n in videos_of(tmp_path)} == {size}


@pytest.mark.parametrize(
    "given",
    [
        {"keyframes_only": 2},
        {"resize_video": "yes"},
        {"num_threads": -2},
        {"min_offset": 3, "max_offset": 2},
        {"turi_param": "keyframes=1"},
        {"input_dir": 5},
        {"work_dir": ""},
    ],
)
def test_wrong_arguments_touch_nothing(clips, tmp_path, given):
    arguments = {"input_dir": str(clips / "in"), "work_dir": tmp_path / "out"} | given
    with pytest.raises(InvalidArgument, match=next(iter(given))[:9]):
        fastdup.extract_video_frames(**arguments)
    assert not (tmp_path / "out").exists()


def test_inputs_without_videos_fail(tmp_path, caplog):
    photos(tmp_path / "in", 1)
    assert fastdup.extract_video_frames(tmp_path / "in", tmp_path / "out") == 1
    assert "contains no videos" in caplog.text
    assert fastdup.extract_video_frames(tmp_path / "none", tmp_path / "out") == 1
    video(tmp_path / "a.mp4", pictures=2)
    assert fastdup.extract_video_frames(tmp_path / "a.mp4", tmp_path / "out", min_offset=1) == 1
    assert "past the end of the input (1 video)" in caplog.text


@pytest.mark.shared
def test_real_videos(collection, tmp_path):
    folder = collection("videos")
    with (folder / "videos.csv").open() as stream:
        truth = {r["file"]: r for r in csv.DictReader(stream)}
    whole = {name: r for name, r in truth.items() if r["size"]}
    for argument in (0, 1):
        out = tmp_path / str(argument)
        assert fastdup.extract_video_frames(folder, out, keyframes_only=argument) == 0
        found = rows(out / "atrain_frames.csv")
        assert {Path(r["video"]).name for r in found} == set(whole)
        for name, r in whole.items():
            own = [f for f in found if Path(f["video"]).name == name]
            assert "x".join(map(str, Image.open(own[-1]["filename"]).size)) == r["size"]
            places = [int(f["frame"]) for f in own]
            expected = list(range(int(r["frames_decoded_by_ffmpeg"])))
            if argument == 0:
                assert places == expected
                hours, minutes, seconds = map(float, r["duration"].split(":"))
                duration = 3600 * hours + 60 * minutes + seconds
                assert float(own[-1]["seconds"]) + 1 / float(r["fps"]) == pytest.approx(
                    duration, abs=0.05
                )
            else:
                assert places[0] == 0
                assert set(places) < set(expected)


@pytest.mark.shared
def test_a_run_over_real_videos(collection, tmp_path):
    assert run(collection("videos"), tmp_path, turi_param="keyframes_only=0") == 0
    which = videos_of(tmp_path)
    bad = {Path(r["filename"]).name for r in rows(tmp_path / "atrain_features.bad.csv")}
    assert bad == {"broken_cut.mp4", "broken_text.mp4"}
    pairs = {
        frozenset((which[r["from"]], which[r["to"]])) for r in rows(tmp_path / "similarity.csv")
    }
    assert {p for p in pairs if len(p) > 1} == {frozenset(("realshort.mp4", "realshort_mpeg4.avi"))}


def test_a_damaged_video_does_not_undo_the_work_of_others(tmp_path):
    """What resume keeps of it are the frames that it gave, and why it gave no more."""
    whole = video(tmp_path / "in" / "one.avi", "mjpeg", pictures=scene())
    cut = tmp_path / "in" / "two.avi"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    given = {"turi_param": "keyframes_only=0", "resume": 1, "run_mode": 1}
    session = fastdup.Session(tmp_path / "out")
    first = session.run(tmp_path / "in", **given)
    again = session.run(tmp_path / "in", **given)
    assert again.resumed_at == again.valid + sum(again.bad.values()) > 8
    assert (again.valid, again.bad) == (first.valid, first.bad)
    frame = next((tmp_path / "out" / "tmp" / "two.avi").glob("*.jpg"))
    frame.write_bytes(b"")  # as after a power cut
    assert session.run(tmp_path / "in", **given).bad == first.bad
    assert frame.stat().st_size


def test_a_list_of_frames_is_that_of_the_run(tmp_path, clips):
    out = tmp_path / "out"
    assert run(clips / "in", out, run_mode=1) == 0
    frames = photos(tmp_path / "photos", 3)
    assert run(out / "tmp", out, run_mode=1) == 0
    assert (out / "atrain_frames.csv").is_file()
    assert run([str(frame) for frame in frames], out, run_mode=1) == 0
    assert not (out / "atrain_frames.csv").exists()


def test_frames_of_a_run_that_was_killed_while_cutting_are_no_pictures(tmp_path):
    """Where the work_dir is the input."""
    video(tmp_path / "a.avi", "mjpeg", pictures=scene())
    stop = mock.patch("fastdup_gpu.sources.video.cut_all", side_effect=KeyboardInterrupt)
    with stop, pytest.raises(KeyboardInterrupt):
        open_source(tmp_path, work_dir=tmp_path)
    photos(tmp_path / "tmp" / "a.avi", 1)
    assert len(open_source(tmp_path, work_dir=tmp_path, keyframes_only=False).names) == 8
