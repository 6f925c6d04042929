"""Files that are forbidden, or that others change while they are read."""

from __future__ import annotations

import random
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import pytest
from archive_files import noise
from making import features, photo, photos, rows, run
from small_disks import unprivileged

from fastdup_gpu import reading
from fastdup_gpu.sources import open_source

ENGINE = {"turi_param": "engine=onnxruntime"}
SCRIPT = (
    "import sys, fastdup_gpu; sys.exit(fastdup_gpu.run(sys.argv[1], sys.argv[2], "
    "turi_param='engine=onnxruntime', num_threads=1))"
)


def run_unprivileged(given: Path, out: Path) -> tuple[int, str]:
    command = unprivileged([sys.executable, "-c", SCRIPT, str(given), str(out)])
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, done.stderr


def test_an_archive_that_is_cut_while_it_is_read_gives_no_part_of_a_picture(tmp_path):
    (tmp_path / "1.jpg").write_bytes(noise(1))
    (tmp_path / "2.jpg").write_bytes(noise(2))
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name in ("1.jpg", "2.jpg"):
            archive.add(tmp_path / name, name)
    source = open_source(tmp_path / "a.tar", work_dir=tmp_path / "work")
    assert source.load(0) == noise(1)
    with (tmp_path / "a.tar").open("r+b") as archive:
        archive.truncate(6000)
    with pytest.raises(OSError, match="truncated"):
        source.load(1)
    source.close()


def test_what_may_not_be_read_is_listed_or_named(tmp_path):
    paths = photos(tmp_path / "in", 4)
    photos(tmp_path / "in" / "closed", 2, first=10)
    paths[1].chmod(0)
    (tmp_path / "in" / "closed").chmod(0)
    status, said = run_unprivileged(tmp_path / "in", tmp_path / "out")
    (tmp_path / "in" / "closed").chmod(0o700)
    assert status == 0, said
    good = [row["filename"] for row in rows(tmp_path / "out" / "atrain_features.dat.csv")]
    assert good == [str(paths[i]) for i in (0, 2, 3)]
    (bad,) = rows(tmp_path / "out" / "atrain_features.bad.csv")
    assert bad["filename"] == str(paths[1])
    assert "closed' (Permission denied)" in said


def test_a_folder_that_may_not_be_read_or_written_ends_the_run(tmp_path):
    photos(tmp_path / "in", 2)
    (tmp_path / "closed").mkdir(mode=0)
    status, said = run_unprivileged(tmp_path / "closed", tmp_path / "out")
    assert (status, "cannot be listed (Permission denied)" in said) == (1, True)
    status, said = run_unprivileged(tmp_path / "in", tmp_path / "closed" / "out")
    assert (status, "cannot be written to (Permission denied)" in said) == (1, True)
    (tmp_path / "fixed").mkdir(mode=0o500)
    status, said = run_unprivileged(tmp_path / "in", tmp_path / "fixed")
    assert (status, "cannot be written to (Permission denied)" in said) == (1, True)


CHANGES = {
    "vanishes": lambda path: path.unlink(),
    "grows": lambda path: path.open("ab").write(b"more" * 1000),
    "is replaced": lambda path: (
        photo(99).save(path.with_suffix(".new"), "JPEG") or path.with_suffix(".new").replace(path)
    ),
    "is cut off": lambda path: path.open("r+b").truncate(500),
    "is emptied": lambda path: path.write_bytes(b""),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_picture_that_changes_between_opening_and_reading(tmp_path, monkeypatch, change):
    """One that only grows or goes is read as it was; of a cut one the rest is missing."""
    paths = photos(tmp_path / "in", 5)
    assert run(tmp_path / "in", tmp_path / "whole", **ENGINE) == 0
    checked = reading._check_readable

    def check_and_change(path, status) -> None:
        checked(path, status)
        if path == str(paths[2]):
            CHANGES[change](paths[2])

    monkeypatch.setattr(reading, "_check_readable", check_and_change)
    assert run(tmp_path / "in", tmp_path / "out", **ENGINE) == 0
    good = [row["filename"] for row in rows(tmp_path / "out" / "atrain_features.dat.csv")]
    bad = [row["filename"] for row in rows(tmp_path / "out" / "atrain_features.bad.csv")]
    lost = change in ("is cut off", "is emptied")
    assert bad == ([str(paths[2])] if lost else [])
    kept = [0, 1, 3, 4] if lost else range(5)
    assert good == [str(paths[i]) for i in kept]
    assert (features(tmp_path / "out") == features(tmp_path / "whole")[list(kept)]).all()


def test_many_pictures_that_change_all_the_time(tmp_path):
    """Others keep their numbers and their features; each picture is good or bad, none is lost."""
    paths = photos(tmp_path / "in", 60)
    assert run(tmp_path / "in", tmp_path / "whole", **ENGINE) == 0
    restless, stopped, draw = paths[::3], threading.Event(), random.Random(0)

    def disturb() -> None:
        while not stopped.is_set():
            path = draw.choice(restless)
            kind = draw.choice(list(CHANGES))
            if kind == "is replaced" or path.exists():
                CHANGES[kind](path)

    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        assert run([str(path) for path in paths], tmp_path / "out", **ENGINE) == 0
    finally:
        stopped.set()
        thread.join()
    good = [row["filename"] for row in rows(tmp_path / "out" / "atrain_features.dat.csv")]
    bad = rows(tmp_path / "out" / "atrain_features.bad.csv")
    assert sorted(good + [row["filename"] for row in bad]) == [str(path) for path in paths]
    assert [int(row["index"]) for row in bad] == [
        i for i, path in enumerate(paths) if str(path) not in good
    ]
    expected = dict(zip(map(str, paths), features(tmp_path / "whole"), strict=True))
    for name, found in zip(good, features(tmp_path / "out"), strict=True):
        if Path(name) not in restless:
            assert (found == expected[name]).all()
    assert {str(path) for path in paths} - set(good) <= set(map(str, restless))


@pytest.mark.parametrize("change", ["cut off", "replaced", "gone"])
def test_an_archive_that_changes_between_listing_and_reading(tmp_path, change):
    pictures = tmp_path / "in"
    pictures.mkdir()
    for i in range(6):
        (pictures / f"{i}.jpg").write_bytes(noise(i, 2000))
    archive = tmp_path / "a.tar"
    with tarfile.open(archive, "w") as tar:
        for path in sorted(pictures.iterdir()):
            tar.add(path, path.name)
    source = open_source(str(archive), work_dir=tmp_path)
    if change == "cut off":
        with archive.open("r+b") as file:
            file.truncate(archive.stat().st_size // 2)
    elif change == "gone":
        archive.unlink()
    else:
        other = tmp_path / "b.tar"
        other.write_bytes(noise(9, 50))
        other.replace(archive)
    read = []
    for i in range(6):
        try:
            read.append(source.load(i))
        except OSError as error:
            assert error.strerror or str(error)
    source.close()
    assert read == [noise(i, 2000) for i in range(len(read))]
    assert (0 < len(read) < 6) if change == "cut off" else not read
