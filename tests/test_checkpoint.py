"""Files that grow under a checkpoint, killed at every step."""

from __future__ import annotations

import errno
import json
import os
import shutil
import threading
from io import StringIO
from pathlib import Path

import numpy as np
import pytest

from fastdup_gpu.formats import names
from fastdup_gpu.formats.checkpoint import ExtractionFiles
from fastdup_gpu.formats.files import CsvWriter
from fastdup_gpu.protocol import Outcome, Status

BATCH, BATCHES, EVERY = 5, 7, 2
NAMES = [f"{i}.jpg" for i in range(BATCH * BATCHES)]
NAMES[3], NAMES[12], NAMES[13] = "new\nline, and comma", os.fsdecode(b"\xff\xfe"), 'quote"\r'
FILES = {
    "atrain_features.dat",
    "atrain_features.dat.csv",
    "atrain_features.bad.csv",
    "atrain_stats.csv",
}


def batch(number: int):
    """Names, outcomes, features and statistics; every fourth picture is bad."""
    positions = range(number * BATCH, (number + 1) * BATCH)
    outcomes = [
        Outcome(i, Status.CORRUPT, file_size=i) if i % 4 == 1 else Outcome(i, Status.OK, 30, 40, i)
        for i in positions
    ]
    good = sum(o.status is Status.OK for o in outcomes)
    rng = np.random.default_rng(number)
    features = rng.standard_normal((good, 6)).astype(np.float32)
    return [NAMES[i] for i in positions], outcomes, features, rng.random((good, 7)) * 255


def extract(folder: Path, fingerprint: str = "same", *, resume: bool = True, step=lambda: None):
    """A whole extraction with a commit after every second batch; `step` is called in between."""
    files = ExtractionFiles(folder, "atrain", names.STATS_COLUMNS)
    begun = files.begin(fingerprint, resume=resume)
    resumed_at = files.position
    step()
    if begun:
        for number in range(resumed_at // BATCH, BATCHES):
            files.append(*batch(number))
            step()
            if number % EVERY == 1:
                files.commit()
                files.settle()  # so that copies are taken of one moment
                step()
        files.finish()
        step()
    return files, begun, resumed_at


def results(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    extract(folder)
    return results(folder)


class Killed(BaseException):
    """Ends a run as a signal would, for what is in its files."""


class Snapshots:
    """Copies of a folder as a kill would leave it."""

    def __init__(self, folder: Path, copies: Path) -> None:
        self.folder, self.copies, self.count = folder, copies, 0

    def take(self) -> None:
        shutil.copytree(self.folder, self.copies / f"{self.count:03d}")
        self.count += 1

    def __iter__(self):
        return iter(sorted(self.copies.iterdir()))


@pytest.fixture
def snapshots(tmp_path, monkeypatch):
    """Taken at each step of one extraction and around each of its renames."""
    folder, copies = tmp_path / "run", tmp_path / "copies"
    folder.mkdir()
    copies.mkdir()
    taken = Snapshots(folder, copies)
    rename = Path.replace

    def watched(path: Path, target: Path) -> Path:
        taken.take()
        moved = rename(path, target)
        taken.take()
        return moved

    monkeypatch.setattr(Path, "replace", watched)
    extract(folder, step=taken.take)
    monkeypatch.undo()
    return taken


def test_the_files(whole):
    """Against what a reader expects, computed here from the batches."""
    assert whole.keys() == FILES
    batches = [batch(number) for number in range(BATCHES)]
    features = np.concatenate([b[2] for b in batches])
    assert whole["atrain_features.dat"] == features.astype("<f4").tobytes()
    good = [i for i in range(len(NAMES)) if i % 4 != 1]
    assert len(features) == len(good)
    lines = whole["atrain_features.dat.csv"].decode("utf-8", "surrogateescape")
    assert lines.startswith(f"index,filename\n0,{NAMES[0]}\n1,{NAMES[2]}\n2,")
    bad = whole["atrain_features.bad.csv"].decode().splitlines()[:3]
    assert bad == [
        "index,filename,error_code,filesize",
        "1,1.jpg,ERROR_CORRUPT_IMAGE,1",
        "5,5.jpg,ERROR_CORRUPT_IMAGE,5",
    ]
    first = whole["atrain_stats.csv"].decode("utf-8", "surrogateescape").splitlines()[1].split(",")
    unique, blur, *rest, contrast = batches[0][3][0]
    numbers = [f"{v:.4f}" for v in (blur, *rest)]
    expected = ["0", NAMES[0], "30", "40", str(int(unique)), *numbers, "0", f"{contrast:.4f}"]
    assert first == expected


@pytest.mark.parametrize("odd", ["", "a,b", 'a"b', "a\nb", "a\rb", " a", "\udcff", "a;b'", "100%d"])
def test_rows_printed_together_are_those_of_the_writer(odd):
    rows = [(7, "x", 3.0, 0.123456), (8, odd, -1.0, float("nan")), (9, "é/y", 1e9, 2.00005)]
    together, singly = StringIO(), StringIO()
    CsvWriter(together).write_formatted(("%d", "%s", "%d", "%.4f"), rows)
    for number, name, whole, part in rows:
        CsvWriter(singly).writerow([number, name, int(whole), f"{part:.4f}"])
    assert together.getvalue() == singly.getvalue()


def test_killed_at_every_step(snapshots, whole):
    resumed = set()
    for copy in snapshots:
        files, begun, resumed_at = extract(copy)
        assert results(copy) == whole, copy.name
        assert (files.rows, files.bad, files.position) == (26, 9, len(NAMES))
        assert not list((copy / "tmp").glob("*.part"))
        resumed.add(resumed_at)
        assert begun or resumed_at == len(NAMES)
    assert resumed == {0, 10, 20, 30, 35}


def test_killed_twice(snapshots, whole, tmp_path):
    """The resumed run is killed as well, at the step after its first."""
    killed = 0
    for copy in list(snapshots)[::3]:
        calls = iter(range(2))

        def step(calls=calls) -> None:
            if next(calls, None) is None:
                raise Killed

        left = tmp_path / "left" / copy.name
        try:
            extract(copy, step=step)
        except Killed:
            shutil.copytree(copy, left)  # what the killed run had not flushed is lost
            extract(left)
            assert results(left) == whole
            killed += 1
    assert killed > 5


def test_bytes_after_the_last_commit_do_not_count(snapshots, whole):
    """A kill may leave a torn row, or more than a row, at the end of each part."""
    for copy in snapshots:
        for part in (copy / "tmp").glob("*.part"):
            if (copy / "tmp" / "atrain_extraction.json").exists() and not complete(copy):
                with part.open("ab") as stream:
                    stream.write(b'99,"torn\n\x00\xff')
        record = copy / "tmp" / "atrain_extraction.json"
        committed = json.loads(record.read_text())["position"] if record.exists() else 0
        assert extract(copy)[2] == committed
        assert results(copy) == whole


def test_what_comes_while_a_commit_is_under_way_waits_for_the_next(tmp_path, monkeypatch, whole):
    disk, sync = threading.Event(), os.fsync
    monkeypatch.setattr(os, "fsync", lambda number: (disk.wait(9), sync(number)))
    folder = tmp_path / "run"
    folder.mkdir()
    files = ExtractionFiles(folder, "atrain", names.STATS_COLUMNS)
    files.begin("same", resume=True)
    files.append(*batch(0))
    files.commit()
    files.append(*batch(1))
    before = shutil.copytree(folder, tmp_path / "before")
    disk.set()
    files.settle()
    after = shutil.copytree(folder, tmp_path / "after")
    for copy, position in ((before, 0), (after, BATCH)):
        assert extract(copy)[2] == position
        assert results(copy) == whole


def test_what_a_commit_meets_is_raised_by_the_next(tmp_path, monkeypatch):
    def full(number):
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "run").mkdir()
    files = ExtractionFiles(tmp_path / "run", "atrain", names.STATS_COLUMNS)
    files.begin("same", resume=True)
    files.append(*batch(0))
    monkeypatch.setattr(os, "fsync", full)
    files.commit()
    with pytest.raises(OSError, match="No space left"):
        files.commit()
    files.close()


def test_what_the_last_commit_meets_is_raised_and_nothing_is_complete(tmp_path, monkeypatch):
    folder, sync = tmp_path / "run", os.fsync

    def damaged(number: int) -> None:
        part = folder / "tmp" / "atrain_features.dat.part"
        if os.path.samestat(os.fstat(number), part.stat()):
            raise OSError(errno.EIO, "Input/output error")
        sync(number)

    folder.mkdir()
    files = ExtractionFiles(folder, "atrain", names.STATS_COLUMNS)
    files.begin("same", resume=True)
    files.append(*batch(0))
    monkeypatch.setattr(os, "fsync", damaged)
    with pytest.raises(OSError, match="Input/output error"):
        files.finish()
    files.close()
    assert results(folder) == {}
    assert not (folder / "tmp" / "atrain_extraction.json").exists()


def complete(copy: Path) -> bool:
    return '"complete": true' in (copy / "tmp" / "atrain_extraction.json").read_text()


def test_parts_shorter_than_the_last_commit_start_anew(snapshots, whole):
    """Such as after a power cut on a disk that lies about fsync."""
    copy = next(c for c in snapshots if (c / "tmp" / "atrain_extraction.json").exists())
    part = copy / "tmp" / "atrain_stats.csv.part"
    os.truncate(part, 50)
    _, _, resumed_at = extract(copy)
    assert resumed_at == 0
    assert results(copy) == whole


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"fingerprint": 5}', b"\xff"])
def test_a_damaged_record_starts_anew(snapshots, whole, content):
    for copy in list(snapshots)[-9::3]:
        (copy / "tmp" / "atrain_extraction.json").write_bytes(content)
        _, begun, resumed_at = extract(copy)
        assert (begun, resumed_at) == (True, 0)
        assert results(copy) == whole


def test_another_fingerprint_or_no_resume_starts_anew(snapshots, whole):
    for i, copy in enumerate(list(snapshots)[::4]):
        anew = {"fingerprint": "other"} if i % 2 else {"resume": False}
        _, begun, resumed_at = extract(copy, **anew)
        assert (begun, resumed_at) == (True, 0)
        assert results(copy) == whole


def test_an_old_result_is_no_part_of_a_new_one(tmp_path, whole):
    """A kill early in a run with other arguments, then the first arguments again."""
    extract(tmp_path)
    files = ExtractionFiles(tmp_path, "atrain", names.STATS_COLUMNS)
    assert files.begin("other", resume=True)
    files.append(*batch(6))
    files.close()
    _, begun, resumed_at = extract(tmp_path)
    assert (begun, resumed_at) == (True, 0)
    assert results(tmp_path) == whole


def test_a_complete_extraction_is_not_repeated(tmp_path, whole):
    extract(tmp_path)
    files, begun, _ = extract(tmp_path)
    assert not begun
    assert (files.rows, files.bad, files.position) == (26, 9, len(NAMES))


@pytest.mark.parametrize("lost", sorted(FILES))
def test_a_lost_result_is_made_again(tmp_path, whole, lost):
    extract(tmp_path)
    (tmp_path / lost).unlink()
    _, begun, _ = extract(tmp_path)
    assert begun
    assert results(tmp_path) == whole


def test_without_statistics_no_file_of_them(tmp_path):
    files = ExtractionFiles(tmp_path, "atest", ())
    assert files.begin("x", resume=False)
    for number in range(BATCHES):
        listed, outcomes, features, _ = batch(number)
        files.append(listed, outcomes, features, np.zeros((len(features), 0)))
    files.finish()
    assert results(tmp_path).keys() == {
        "atest_features.dat",
        "atest_features.dat.csv",
        "atest_features.bad.csv",
    }
