"""A run over broken, hostile and odd files: nothing crashes, hangs or silently vanishes."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from making import TEXT, rows

from fastdup_gpu.protocol import Status

pytestmark = pytest.mark.shared

ROOT = Path(__file__).parent.parent.parent
SCRIPT = """
import json, re, sys
from pathlib import Path
import fastdup_gpu
listed = json.loads(sys.stdin.read())
code = fastdup_gpu.run(listed, sys.argv[1], num_threads=4)
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
Path(sys.argv[1], "peak").write_text(peak[1])
sys.exit(code)
"""
MOST_MEMORY_KB = 1_500_000
MOST_PIXELS = 178_956_970


@pytest.fixture(scope="module")
def described(collection) -> dict[str, dict[str, str]]:
    """Path of each file -> what is known of it."""
    folder = collection("ugly")
    with (folder / "ugly.csv").open(**TEXT) as stream:
        # An archive is an input of its own kind, not to be mixed with pictures.
        return {
            str(folder / row["file"]): row
            for row in csv.DictReader(stream)
            if not row["file"].endswith(".tar")
        }


@pytest.fixture(scope="module")
def out(described, tmp_path_factory) -> Path:
    """The work_dir of a run in a process of its own."""
    folder = tmp_path_factory.mktemp("ugly_out")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder)],
        input=json.dumps(list(described)),
        cwd=ROOT,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == 0
    return folder


@pytest.fixture(scope="module")
def good(out) -> dict[str, dict[str, str]]:
    return {row["filename"]: row for row in rows(out / "atrain_stats.csv")}


@pytest.fixture(scope="module")
def bad(out) -> dict[str, dict[str, str]]:
    return {row["filename"]: row for row in rows(out / "atrain_features.bad.csv")}


def of_kind(described, *kinds: str) -> list[str]:
    return [name for name, row in described.items() if row["kind"] in kinds]


def test_good_and_bad_are_all(described, out, good, bad):
    assert len(described) > 200
    assert sorted([*good, *bad]) == sorted(described)
    named = [row["filename"] for row in rows(out / "atrain_features.dat.csv")]
    assert named == list(good) == [name for name in described if name in good]


def test_each_bad_file_has_its_position_code_and_size(described, bad):
    listed = list(described)
    for name, row in bad.items():
        assert listed[int(row["index"])] == name
        assert row["error_code"] in set(Status) - {Status.OK}
        assert int(row["filesize"]) == int(described[name]["bytes"])


def test_controls_and_odd_names_are_good(described, good):
    fine = of_kind(described, "control", "name", "wrong_extension", "large", "flat")
    assert len(fine) > 15
    assert set(fine) <= set(good)


def test_what_two_readers_take_is_good(described, good):
    """Where Pillow and OpenCV both read a picture of a size that is allowed."""
    readable = [
        name
        for name, row in described.items()
        if row["pillow"] == row["opencv"] == "ok"
        and min(int(row["width"]), int(row["height"])) >= 10
        and int(row["width"]) * int(row["height"]) <= MOST_PIXELS
    ]
    assert len(readable) > 80
    assert set(readable) <= set(good)


def test_sizes_are_those_another_reader_finds(described, good):
    for name, row in good.items():
        known = described[name]
        if known["pillow"] == "ok":
            sides = [known["width"], known["height"]]
            # Of a TIFF the other reader tells the size after turning.
            turned = known["exif_orientation"] in ("5", "6", "7", "8") and known["format"] != "TIFF"
            assert [row["width"], row["height"]] == (sides[::-1] if turned else sides), name
            assert int(row["file_size"]) == int(known["bytes"])


def test_cut_off_files_and_other_contents_are_bad(described, good):
    broken = of_kind(described, "truncated", "not_image")
    assert len(broken) > 15
    # A JPEG that lacks nothing but its end marker is whole.
    assert [Path(name).name for name in broken if name in good] == ["no_eoi.jpg"]


def test_tiny_pictures_are_refused_as_such(described, bad):
    for name in of_kind(described, "tiny"):
        assert bad[name]["error_code"] == Status.TOO_SMALL


@pytest.mark.parametrize("name", ["claims_100000x100000.png", "16000x15000_black.png"])
def test_bombs_are_refused(bad, name):
    (row,) = (row for path, row in bad.items() if Path(path).name == name)
    assert row["error_code"] == Status.TOO_LARGE


def test_memory_stays_bounded(out):
    assert int((out / "peak").read_text()) < MOST_MEMORY_KB
