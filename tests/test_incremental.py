"""resume=1 after images were added, removed or changed: only what is new is read, and the files
are those of a new run."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from making import contents, features, photo, photos, run
from test_resume import _kill_after, _position

import fastdup_gpu
from fastdup_gpu.fallback_cpu import decode


@pytest.fixture
def reads(monkeypatch):
    """The encoded images that were decoded."""
    found: list[bytes] = []
    honest = decode.shrink

    def shrink(data, plan):
        found.append(data)
        return honest(data, plan)

    monkeypatch.setattr(decode, "shrink", shrink)
    return found


def before(folder: Path) -> Path:
    """30 images and a bad one."""
    photos(folder, 30)
    (folder / "0007x.jpg").write_bytes(b"no picture")
    return folder


NEW = 8


def change(folder: Path) -> None:
    """Remove four, add five at both ends and in between, change two, one of them the bad one, and
    damage one: NEW images to read."""
    for name in ("0000", "0013", "0014", "0029"):
        (folder / f"{name}.jpg").unlink()
    for seed, name in enumerate(("000", "0005x", "0020x", "0020y", "0030"), 50):
        photo(seed).save(folder / f"{name}.jpg", quality=90)
    photo(60).save(folder / "0007x.jpg")
    photo(61).save(folder / "0009.jpg")
    (folder / "0022.jpg").write_bytes(b"damaged now")


@pytest.mark.parametrize("batch_size", [1, 3, 5])
@pytest.mark.parametrize("statistics", ["", "run_advanced_stats=1", "run_stats=0"])
def test_only_what_is_new_is_read(tmp_path, reads, statistics, batch_size):
    given = {"turi_param": statistics, "batch_size": batch_size}
    here, out = before(tmp_path / "in"), tmp_path / "out"
    assert run(here, out, **given) == 0
    change(here)
    reads.clear()
    summary = fastdup_gpu.Session(out).run(here, resume=1, **given)
    assert len(reads) == NEW
    assert summary.valid + sum(summary.bad.values()) == 32
    assert summary.resumed_at == 32 - NEW
    assert run(here, tmp_path / "fresh", **given) == 0
    assert contents(out) == contents(tmp_path / "fresh")
    reads.clear()
    assert run(here, out, resume=1, **given) == 0
    assert not reads


def test_another_order_and_names_listed_twice(tmp_path, reads):
    paths = [str(path) for path in sorted(before(tmp_path / "in").iterdir())]
    assert run(paths, tmp_path / "out") == 0
    again = [*paths[20:], *paths[:10], paths[3], paths[3]]
    reads.clear()
    assert run(again, tmp_path / "out", resume=1) == 0
    assert reads == [b"no picture"]  # what was bad is tried again
    assert run(again, tmp_path / "fresh") == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "fresh")


def test_a_part_of_the_input(tmp_path, reads):
    here = before(tmp_path / "in")
    assert run(here, tmp_path / "out", num_images=20) == 0
    reads.clear()
    assert run(here, tmp_path / "out", resume=1, min_offset=5) == 0
    assert len(reads) == 31 - 20 + 1
    assert run(here, tmp_path / "fresh", min_offset=5) == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "fresh")


@pytest.mark.parametrize(
    "given",
    [{"turi_param": "run_advanced_stats=1"}, {"high_accuracy": True}, {"resume": 0}],
    ids=str,
)
def test_other_settings_take_nothing_over(tmp_path, reads, given):
    here, out = before(tmp_path / "in"), tmp_path / "out"
    assert run(here, out) == 0
    change(here)
    reads.clear()
    assert run(here, out, **{"resume": 1, **given}) == 0
    assert len(reads) == 32


def test_test_images_are_kept_as_well(tmp_path, reads):
    here, test, out = before(tmp_path / "in"), before(tmp_path / "test"), tmp_path / "out"
    assert run(here, out, test_dir=str(test)) == 0
    change(here)
    reads.clear()
    assert run(here, out, test_dir=str(test), resume=1) == 0
    assert len(reads) == NEW
    change(test)
    assert run(here, out, test_dir=str(test), resume=1) == 0
    assert len(reads) == 2 * NEW
    assert run(here, tmp_path / "fresh", test_dir=str(test)) == 0
    assert contents(out) == contents(tmp_path / "fresh")


def test_features_of_others_are_not_taken_over(tmp_path, reads):
    here, out = before(tmp_path / "in"), tmp_path / "out"
    assert run(here, out) == 0
    matrix = features(out)
    names = fastdup_gpu.load_binary_feature(out)[0]
    assert fastdup_gpu.save_binary_feature(out, names, matrix[::-1]) == 0
    reads.clear()
    assert run(here, out, resume=1) == 0
    assert len(reads) == 31
    np.testing.assert_array_equal(features(out), matrix)


@pytest.mark.parametrize("damaged", ["atrain_features.dat", "atrain_stats.csv", "tmp/record"])
def test_damaged_files_are_not_taken_over(tmp_path, damaged):
    here, out = before(tmp_path / "in"), tmp_path / "out"
    assert run(here, out) == 0
    change(here)
    path = next((out / "tmp").glob("*.npz")) if damaged == "tmp/record" else out / damaged
    path.write_bytes(path.read_bytes()[:-100])
    assert run(here, out, resume=1) == 0
    assert run(here, tmp_path / "fresh") == 0
    assert contents(out) == contents(tmp_path / "fresh")


def test_a_compressed_archive_beside_others(tmp_path, reads):
    for shard in "ab":
        photos(tmp_path / shard, 6, first=ord(shard))
        with tarfile.open(tmp_path / f"{shard}.tar.gz", "w:gz") as archive:
            archive.add(tmp_path / shard, "x")
    tars = [str(tmp_path / f"{shard}.tar.gz") for shard in "ab"]
    assert run(tars[1:], tmp_path / "out") == 0
    reads.clear()
    assert run(tars, tmp_path / "out", resume=1) == 0
    assert len(reads) == 6
    assert run(tars, tmp_path / "fresh") == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "fresh")


def test_killed_while_taking_over(tmp_path, reads):
    """The earlier results stay until the new ones are whole, so nothing is read again."""
    here, out = tmp_path / "in", tmp_path / "out"
    photos(here, 150)
    assert run(here, out) == 0
    earlier = (out / "atrain_features.dat").read_bytes()
    photos(here, 150, first=1000)
    (here / "0003.jpg").unlink()
    assert _kill_after(tmp_path, out, 200)
    assert (out / "atrain_features.dat").read_bytes() == earlier
    copy = shutil.copytree(out, tmp_path / "copy")
    done = _position(out)
    assert run(here, out, resume=1) == 0
    assert len(reads) == 150 + 299 - done
    assert run(here, tmp_path / "fresh") == 0
    assert contents(out) == contents(tmp_path / "fresh")
    photos(here, 10, first=2000)  # the killed run is of no use any more, the one before it is
    (here / "0005.jpg").unlink()
    reads.clear()
    assert run(here, copy, resume=1) == 0
    assert len(reads) == 160
