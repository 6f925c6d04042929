"""What tells a resumed run that a picture is still the same."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from archive_files import tar_bytes

from fastdup_gpu.sources.archives import open_archives
from fastdup_gpu.sources.folder import FileSource
from fastdup_gpu.stages import stamps as module
from fastdup_gpu.stages.stamps import identities, stamps


def of_files(names: list[str]) -> list[bytes]:
    return list(stamps(FileSource(names), range(len(names))))


def test_of_a_file(tmp_path):
    file = tmp_path / "a.jpg"
    file.write_bytes(b"123")
    (first,) = of_files([str(file)])
    assert first.startswith(b"3 ")
    os.utime(file, (1, 1))
    assert of_files([str(file)]) != [first]


def test_members_of_an_archive_have_that_of_the_archive(tmp_path):
    archive = tmp_path / "a.tar"
    archive.write_bytes(tar_bytes({"x/1.jpg": b"one", "2.jpg": b"two"}))
    source = open_archives([str(archive)])
    first = list(stamps(source, range(2)))
    assert first == of_files([str(archive)] * 2)
    named = list(identities(source, range(1, 2)))
    assert named == [f"{archive}/2.jpg".encode() + b"\0" + first[0]]
    os.utime(archive, (1, 1))
    assert list(stamps(open_archives([str(archive)]), range(2))) != first


@pytest.mark.parametrize("name", ["/no/such.jpg", "//no.jpg", "no/such.jpg", "", "a\0b.jpg"])
def test_of_a_missing_file(name):
    assert of_files([name]) == [b""]


def test_many_files_that_are_slow_to_look_up_keep_their_order(tmp_path, monkeypatch):
    names = [str(tmp_path / f"{i}.jpg") for i in range(300)]
    for i, name in enumerate(names):
        Path(name).write_bytes(b"x" * i)
    wanted = of_files(names)
    assert [stamp.split()[0] for stamp in wanted] == [b"%d" % i for i in range(300)]
    monkeypatch.setattr(module, "_SLOW", 0)
    assert of_files(names) == wanted
