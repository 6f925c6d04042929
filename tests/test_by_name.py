"""Pictures read by name out of compressed tars: in stored order, whatever the order asked."""

from __future__ import annotations

import csv
import io
import itertools
import random
import tarfile
from pathlib import Path

import pytest
from archive_files import noise, tar_bytes, zip_bytes
from PIL import Image

import fastdup_gpu
from fastdup_gpu.galleries import thumbs
from fastdup_gpu.galleries.readers import Reader
from fastdup_gpu.sources import by_name, members, named

COUNT = 60
MEMBERS = [f"{i:03d}.png" for i in range(COUNT)]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    named._opened.cache_clear()


@pytest.fixture
def seeks(monkeypatch):
    """Where reads of unpacked streams begin, in their order, for each archive."""
    found: dict[str, list[int]] = {}
    real = members.OpenFiles.read_stream

    def read(self, path, opener, offset, size):
        found.setdefault(path, []).append(offset)
        return real(self, path, opener, offset, size)

    monkeypatch.setattr(members.OpenFiles, "read_stream", read)
    return found


def restarts(offsets: list[int]) -> int:
    """How often a stream is unpacked anew."""
    return sum(b <= a for a, b in itertools.pairwise(offsets))


def packed(path: str) -> dict[str, bytes]:
    """A compressed tar of members in an order that is not that of their names."""
    files = {}
    for name in random.Random(path).sample(MEMBERS, COUNT):
        stream = io.BytesIO()
        Image.new("RGB", (20 + int(name[:3]), 12), "white").save(stream, "PNG")
        files[name] = stream.getvalue()
    Path(path).parent.mkdir(exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return {f"{path}/{name}": data for name, data in files.items()}


def mixed(*lists: list[str]) -> list[str]:
    together = [name for names in lists for name in names]
    return random.Random(7).sample(together, len(together))


@pytest.mark.parametrize("input_dir", [None, "moved"])
def test_small_pictures_of_a_page(here, seeks, monkeypatch, input_dir):
    monkeypatch.setattr(thumbs, "cores", lambda: 8)
    first, second = packed("in/a.tgz"), packed("in/b.tar.gz")
    Image.new("RGB", (15, 12)).save("in/plain.png")
    names = mixed([*first, *first], [*second], ["in/plain.png", "in/none.png", "in/a.tgz/none.png"])
    if input_dir:
        Path("in").rename(input_dir)
    made = thumbs.make_thumbs(names, [96] * len(names), reader=Reader(input_dir))
    assert [restarts(offsets) for offsets in seeks.values()] == [0, 0]
    assert sum(map(len, seeks.values())) == 2 * COUNT  # what is asked for twice is read once
    for name, thumb in zip(names, made, strict=True):
        stem = name[-7:-4]
        width = {"ain": 15, "one": 0}.get(stem) if not stem.isdecimal() else 20 + int(stem)
        assert thumb.width == width, name


def test_exports(here, seeks):
    names = mixed([*packed("in/a.tgz")], [*packed("in/b.tgz")])
    assert fastdup_gpu.export_to_cvat(names, labels="x", save_path="out") == 0
    assert [restarts(offsets) for offsets in seeks.values()] == [0, 0]
    with Path("out/fastdup_label.csv").open(newline="") as stream:
        assert [row["filename"] for row in csv.DictReader(stream)] == names


@pytest.mark.parametrize("ahead", [7, 1000])
def test_each_picture_in_the_order_asked(here, seeks, monkeypatch, ahead):
    monkeypatch.setattr(by_name, "_AHEAD", ahead)
    zipped, tarred = {"1.png": b"1", "0.png": b"0"}, {"1.png": b"2", "0.png": b"3"}
    Path("z.zip").write_bytes(zip_bytes(zipped))
    Path("t.tar").write_bytes(tar_bytes(tarred))
    Path("plain.png").write_bytes(b"4")
    expected = packed("in/a.tgz") | packed("in/b.tgz") | {"plain.png": b"4"}
    expected |= {f"z.zip/{name}": data for name, data in zipped.items()}
    expected |= {f"t.tar/{name}": data for name, data in tarred.items()}
    gone = ["none.png", "in/a.tgz/none.png", "z.zip/none.png", "nul\0.tar/a.png", "s3://a"]
    names = mixed([*expected, *expected], gone)
    for name, data in zip(names, by_name.read_each(names), strict=True):
        if name in gone:
            assert isinstance(data, OSError | ValueError), name
        else:
            assert data == expected[name]
    windows = -(-len(names) // ahead)
    assert all(restarts(offsets) < windows for offsets in seeks.values())


def test_what_waits_is_bounded(here, seeks, monkeypatch):
    """Each time the archive is gone through as much is taken as may wait."""
    files = {f"{i:02d}.jpg": noise(i) for i in range(30)}
    size = len(noise(0))
    with tarfile.open("a.tgz", "w:gz") as archive:
        for name in random.Random(1).sample([*files], 30):
            info = tarfile.TarInfo(name)
            info.size = size
            archive.addfile(info, io.BytesIO(files[name]))
    monkeypatch.setattr(by_name, "_WAITING", 10 * size)
    waiting = []
    real = by_name._read_ahead
    monkeypatch.setattr(by_name, "_read_ahead", lambda n: waiting.append(real(n)) or waiting[-1])
    names = [f"a.tgz/{name}" for name in files]
    peaks = []
    for name, data in zip(names, by_name.read_each(names), strict=True):
        assert data == files[name[6:]]
        peaks.append(len(waiting[-1][0]))
    assert max(peaks) < 10
    assert len(waiting) == 3
    assert restarts(seeks["a.tgz"]) == 2
    monkeypatch.setattr(by_name, "_WAITING", 1)  # one always may
    assert [*by_name.read_each(names)] == [*files.values()]
