"""Killed at any point, a run with resume=1 ends with the files of an uninterrupted one."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest
from making import contents, photos, rows, run
from onnx_models import flatten
from PIL import Image

import fastdup_gpu
from fastdup_gpu.stages import extract

ROOT = Path(__file__).parent.parent
SCRIPT = """
import sys
import fastdup_gpu
from fastdup_gpu.stages import extract
extract._COMMIT_SECONDS = 0
sys.exit(fastdup_gpu.run(sys.argv[1], sys.argv[2], resume=1, num_threads=1))
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder with good and bad pictures, and its uninterrupted run."""
    root = tmp_path_factory.mktemp("resume")
    photos(root / "in", 150)
    for number in (3, 40, 41, 149):
        (root / "in" / f"{number:04d}x.jpg").write_bytes(b"no picture")
    assert run(root / "in", root / "out") == 0
    return root


def _position(out: Path) -> int:
    try:
        return int(json.loads((out / "tmp" / "atrain_extraction.json").read_text())["position"])
    except (OSError, ValueError):
        return 0


def _kill_after(whole: Path, out: Path, position: int) -> bool:
    """Start the run, kill -9 once that many items are committed; False if it ended first."""
    command = [sys.executable, "-c", SCRIPT, str(whole / "in"), str(out)]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        while process.poll() is None:
            if _position(out) >= position:
                os.kill(process.pid, signal.SIGKILL)
                break
            time.sleep(0.001)
        process.wait(60)
    finally:
        process.kill()
    return process.returncode == -signal.SIGKILL


def test_killed_in_the_middle_of_extraction(whole, tmp_path):
    out = tmp_path / "out"
    assert _kill_after(whole, out, 32)
    done = _position(out)
    assert 32 <= done < 154
    assert not (out / "atrain_features.dat").exists()
    assert run(whole / "in", out, resume=1) == 0
    assert contents(out) == contents(whole / "out")
    assert json.loads((out / "config.json").read_text())["found"]["resumed_at"] == done


def test_killed_again_and_again_at_random_points(whole, tmp_path):
    out, draw = tmp_path / "out", random.Random(5)
    kills = sum(_kill_after(whole, out, draw.randint(16, 140)) for _ in range(3))
    assert kills
    assert run(whole / "in", out, resume=1) == 0
    assert contents(out) == contents(whole / "out")


def test_resume_after_a_finished_run_does_nothing_again(whole, tmp_path):
    out = tmp_path / "out"
    assert run(whole / "in", out) == 0
    before = {p: p.stat().st_mtime_ns for p in out.iterdir() if p.name != "config.json"}
    found = json.loads((out / "config.json").read_text())["found"]
    assert run(whole / "in", out, resume=1) == 0
    assert {p: p.stat().st_mtime_ns for p in out.iterdir() if p.name != "config.json"} == before
    again = json.loads((out / "config.json").read_text())["found"]
    assert again["resumed_at"] == 154
    for unlike in ("seconds", "resumed_at"):
        del found[unlike], again[unlike]
    assert again == found


@pytest.mark.parametrize("lost", ["similarity.csv", "connected_components.csv", "nnf.index"])
def test_resume_makes_what_is_missing(whole, tmp_path, lost):
    out = tmp_path / "out"
    assert run(whole / "in", out) == 0
    (out / lost).unlink()
    assert run(whole / "in", out, resume=1) == 0
    assert contents(out) == contents(whole / "out")


DAMAGED = (
    "similarity.csv outliers.csv connected_components.csv component_info.csv nnf.index "
    "atrain_stats.csv atrain_features.dat"
).split()


@pytest.mark.parametrize("half", [False, True], ids=["emptied", "cut"])
@pytest.mark.parametrize("damaged", DAMAGED)
def test_resume_makes_what_is_damaged_anew(whole, tmp_path, damaged, half):
    out = tmp_path / "out"
    shutil.copytree(whole / "out", out)
    path = out / damaged
    os.truncate(path, path.stat().st_size // 2 if half else 0)
    assert run(whole / "in", out, resume=1) == 0
    assert contents(out) == contents(whole / "out")


def test_test_pictures_of_an_earlier_run_do_not_stay(tmp_path):
    out, given = tmp_path / "out", tmp_path / "in"
    photos(given, 4)
    photos(tmp_path / "test", 2)
    assert run(given, out, test_dir=str(tmp_path / "test")) == 0
    before = contents(out)
    assert run(given, out, resume=1, run_mode=1) == 0  # nothing to do: a whole run stays whole
    assert contents(out) == before
    assert run(given, out, resume=1) == 0
    assert not [name for name in contents(out) if name.startswith("atest")]
    assert run("", out, run_mode=4, threshold=0) == 0
    assert {row["from"] for row in rows(out / "similarity.csv")} == {
        str(p) for p in given.iterdir()
    }


def test_resume_with_other_arguments_starts_anew(whole, tmp_path):
    out = tmp_path / "out"
    assert run(whole / "in", out, num_images=50, turi_param="run_advanced_stats=1") == 0
    assert run(whole / "in", out, resume=1) == 0
    assert contents(out) == contents(whole / "out")


@pytest.mark.parametrize("changed", ["smallest file", "statistics", "model"])
def test_resume_with_one_other_argument_takes_nothing_over(tmp_path, changed):
    sizes = sorted(path.stat().st_size for path in photos(tmp_path / "in", 4))
    model = flatten(tmp_path / "m.onnx", 8)
    first = {"model_path": str(model), "d": 192, "turi_param": ""}
    wish = {
        "smallest file": f"min_file_size={sizes[1]}",
        "statistics": "run_advanced_stats=1",
    }
    out, fresh = tmp_path / "out", tmp_path / "fresh"
    assert run(tmp_path / "in", out, **first) == 0
    before = contents(out)
    if changed == "model":
        flatten(model, 8, layout="NHWC")
    later = first | {"turi_param": wish.get(changed, "")}
    assert run(tmp_path / "in", out, resume=1, **later) == 0
    assert run(tmp_path / "in", fresh, **later) == 0
    assert contents(out) == contents(fresh) != before


def test_a_run_without_resume_does_not_trust_what_lies_there(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(extract, "_COMMIT_SECONDS", 0)
    out = tmp_path / "out"
    assert _kill_after(whole, out, 32)
    assert run(whole / "in", out) == 0
    assert contents(out) == contents(whole / "out")
    assert json.loads((out / "config.json").read_text())["found"]["resumed_at"] == 0


@pytest.mark.parametrize("which", [0, -1])
def test_resume_sees_that_a_picture_changed(whole, tmp_path, which):
    paths = photos(tmp_path / "in", 6)
    out = tmp_path / "out"
    assert run(tmp_path / "in", out) == 0
    photos(tmp_path / "other", 1, first=77)[0].replace(paths[which])
    assert run(tmp_path / "in", out, resume=1) == 0
    assert run(tmp_path / "in", tmp_path / "fresh") == 0
    assert contents(out) == contents(tmp_path / "fresh")


def test_resume_sees_that_an_archive_changed(tmp_path):
    """In one process, where what was seen of the archive before could be remembered."""
    for turn in range(2):
        paths = photos(tmp_path / f"in{turn}", 5, first=10 * turn)
        with tarfile.open(tmp_path / "a.tar", "w") as archive:
            for i, path in enumerate(paths):
                archive.add(path, f"{i}.jpg")
        assert run(tmp_path / "a.tar", tmp_path / "out", resume=1) == 0
    assert run(tmp_path / "a.tar", tmp_path / "fresh") == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "fresh")


@pytest.mark.parametrize("how", ["csv", "bounding_box"])
def test_resume_knows_the_crops_of_an_earlier_run(tmp_path, how):
    photos(tmp_path / "in", 3)
    given, more = tmp_path / "in", {"bounding_box": "row_y=5,col_x=5,height=40,width=40"}
    if how == "csv":
        given, more = tmp_path / "boxes.csv", {}
        lines = [f"{p},{x},5,40,40" for p in sorted((tmp_path / "in").iterdir()) for x in (5, 50)]
        given.write_text("\n".join(["filename,col_x,row_y,width,height", *lines]) + "\n")
    out = tmp_path / "out"
    assert run(given, out, **more) == 0
    total = len(rows(out / "atrain_crops.csv"))
    assert run(given, out, resume=1, **more) == 0
    assert json.loads((out / "config.json").read_text())["found"]["resumed_at"] == total
    one = next((out / "crops").iterdir())
    one.write_bytes(one.read_bytes()[:-100])
    fresh = contents(out)
    assert run(given, out, resume=1, **more) == 0
    assert contents(out) == fresh
    assert Image.open(one).size == (40, 40)


@pytest.mark.parametrize("resume", [0, 1])
def test_results_stay_where_the_disk_of_all_pictures_is_away(tmp_path, resume, caplog):
    photos(tmp_path / "disk", 6)
    listed = sorted(map(str, (tmp_path / "disk").iterdir()))
    assert run(listed, tmp_path / "out") == 0
    files = {p: p.read_bytes() for p in (tmp_path / "out").iterdir() if p.is_file()}
    (tmp_path / "disk").rename(tmp_path / "away")
    assert run(listed, tmp_path / "out", resume=resume) == 1
    assert "none of the 6 images exists" in caplog.text
    assert fastdup_gpu.run_kmeans(listed, str(tmp_path / "out"), num_clusters=2) == 1
    assert files == {p: p.read_bytes() for p in (tmp_path / "out").iterdir() if p.is_file()}
    assert run(listed, tmp_path / "new") == 1  # where nothing can be lost each is listed as bad
    assert (tmp_path / "new" / "atrain_features.bad.csv").read_text().count("MISSING") == 6


def test_a_second_run_in_the_same_work_dir_is_refused(whole, tmp_path, caplog):
    """Also where the first was killed and both go on from it; a dead run holds nothing."""
    out = tmp_path / "out"
    command = [sys.executable, "-c", SCRIPT, str(whole / "in"), str(out)]
    state = out / "tmp" / "atrain_extraction.json"
    for end in ("killed", "left to end"):
        state.unlink(missing_ok=True)
        with subprocess.Popen(command, cwd=ROOT) as first:
            while not state.is_file():
                assert first.poll() is None
                time.sleep(0.01)
            caplog.clear()
            assert run(whole / "in", out, resume=1) == 1
            assert "another run is using work_dir" in caplog.text
            if end == "killed":
                first.kill()
    assert first.returncode == 0
    assert contents(out) == contents(whole / "out")
