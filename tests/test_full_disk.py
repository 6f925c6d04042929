"""A disk that gets full: status 1 and a clear message; with room again, the same files."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from making import contents, photos, run
from small_disks import disk

import fastdup_gpu
from fastdup_gpu.fallback_cpu import neighbors
from fastdup_gpu.stages import extract

ENGINE = {"turi_param": "engine=onnxruntime"}
ROOM = 40_000


@pytest.fixture(autouse=True)
def often(monkeypatch):
    monkeypatch.setattr(extract, "_COMMIT_SECONDS", 0)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """60 pictures; their features fill 138,240 bytes."""
    folder = tmp_path_factory.mktemp("pictures")
    photos(folder, 60)
    return folder


@pytest.fixture(scope="module")
def whole(pictures, tmp_path_factory) -> dict[str, bytes]:
    """The files of an uninterrupted run."""
    out = tmp_path_factory.mktemp("whole")
    assert run(pictures, out, **ENGINE) == 0
    return contents(out)


def explained(caplog) -> bool:
    return "cannot be written" in caplog.text and "No space left on device" in caplog.text


def check(small, work_dir: Path, call, expected: dict[str, bytes], caplog) -> None:
    """`call(resume)` fails for want of room, and with room ends as if nothing had been."""
    assert call(0) == 1
    assert explained(caplog)
    assert not [p for p in work_dir.rglob("*.tmp") if p.is_file()]
    small.resize(ROOM)
    assert call(1) == 0
    assert contents(work_dir) == expected


@pytest.mark.parametrize("kilobytes", [8, 60, 120, 164, 176])
def test_anywhere_in_a_run(pictures, whole, tmp_path, caplog, kilobytes):
    with disk(tmp_path / "disk", kilobytes) as small:
        out = small.path / "out"
        check(small, out, lambda r: run(pictures, out, resume=r, **ENGINE), whole, caplog)


@pytest.mark.parametrize(("mode", "kilobytes"), [("HNSW16", 320), ("IVF20", 224), ("IVF20", 236)])
def test_in_the_index(tmp_path, caplog, monkeypatch, mode, kilobytes):
    """Neither hnswlib nor numpy's tofile say anything of a full disk."""
    if mode.startswith("HNSW"):
        pytest.importorskip("hnswlib", reason="hnswlib is not installed")
    monkeypatch.setattr(neighbors, "EXACT_UP_TO", 100)
    x = np.random.default_rng(0).normal(size=(1000, 48)).astype(np.float32)
    names = [f"{i}.jpg" for i in range(len(x))]

    def call(folder: Path, resume: int) -> int:
        return run("", folder, run_mode=2, d=48, nnf_mode=mode, resume=resume)

    assert fastdup_gpu.save_binary_feature(tmp_path / "whole", names, x) == 0
    assert call(tmp_path / "whole", 0) == 0
    with disk(tmp_path / "disk", kilobytes) as small:
        out = small.path / "out"
        assert fastdup_gpu.save_binary_feature(out, names, x) == 0
        check(small, out, lambda r: call(out, r), contents(tmp_path / "whole"), caplog)


@pytest.mark.parametrize("kilobytes", [16, 180])
def test_stored_features_are_whole_or_not_there(tmp_path, caplog, kilobytes):
    x = np.ones((1000, 48), np.float32)
    with disk(tmp_path / "disk", kilobytes) as small:
        names = [f"{i}.jpg" for i in range(len(x))]
        assert fastdup_gpu.save_binary_feature(small.path / "f", names, x) == 1
        assert explained(caplog)
        assert not (small.path / "f" / "atrain_features.dat").exists()


def test_in_crops(pictures, tmp_path, caplog):
    box = {"bounding_box": "row_y=0,col_x=0,width=90,height=80"}
    with disk(tmp_path / "disk", 100) as small:
        out = small.path / "out"
        assert run(pictures, out, **box, **ENGINE) == 1
        assert explained(caplog)
        small.resize(ROOM)
        assert run(pictures, out, resume=1, **box, **ENGINE) == 0
        found, crops = contents(out), contents(out / "crops")
        shutil.rmtree(out)
        assert run(pictures, out, **box, **ENGINE) == 0
        assert contents(out) == found
        assert contents(out / "crops") == crops


def test_in_frames_of_videos(tmp_path, caplog):
    from video_files import video

    video(tmp_path / "in" / "a.mp4", pictures=30)
    call = {"turi_param": "keyframes_only=0,engine=onnxruntime"}
    with disk(tmp_path / "disk", 40) as small:
        out = small.path / "out"
        assert run(tmp_path / "in", out, **call) == 1
        assert explained(caplog)
        small.resize(ROOM)
        assert run(tmp_path / "in", out, resume=1, **call) == 0
        found, frames = contents(out), contents(out / "tmp" / "a.mp4")
        shutil.rmtree(out)
        assert run(tmp_path / "in", out, **call) == 0
        assert contents(out) == found
        assert contents(out / "tmp" / "a.mp4") == frames
        assert len(frames) == 31


def test_in_a_gallery(pictures, tmp_path, caplog):
    assert run(pictures, tmp_path / "out", threshold=0.5, **ENGINE) == 0
    with disk(tmp_path / "disk", 24) as small:
        page = small.path / "page"
        make = fastdup_gpu.create_duplicates_gallery
        assert make(tmp_path / "out" / "similarity.csv", page, threshold=0.1) == 1
        assert explained(caplog)
        small.resize(ROOM)
        assert make(tmp_path / "out" / "similarity.csv", page, threshold=0.1) == 0
        assert [path.name for path in page.iterdir()] == ["duplicates.html"]


def test_a_disk_that_is_read_only(pictures, tmp_path, caplog):
    with disk(tmp_path / "disk", ROOM) as small:
        assert run(pictures, small.path / "out", **ENGINE) == 0
        before = contents(small.path / "out")
        small.protect()
        for work_dir in ("out", "new"):
            caplog.clear()
            assert run(pictures, small.path / work_dir, **ENGINE) == 1
            assert "cannot be written to (Read-only file system)" in caplog.text
        assert contents(small.path / "out") == before
