"""What tells a resumed run that a picture is still the same."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fastdup_gpu.stages import stamps as module
from fastdup_gpu.stages.stamps import stamps


@pytest.mark.parametrize("form", ["{}", "/{}"], ids=["plain", "two slashes"])
def test_of_a_file_and_of_a_member_of_an_archive(tmp_path, form):
    archive = tmp_path / "a.tar"
    archive.write_bytes(b"123")
    name = form.format(archive)
    whole, member = stamps([name, f"{name}/folder/b.jpg"])
    assert whole == member
    assert whole.startswith(b"3 ")
    os.utime(archive, (1, 1))
    assert next(stamps([name])) != whole


@pytest.mark.parametrize(
    "name", ["/no/such.jpg", "//no/such.jpg", "///no.jpg", "no/such.jpg", "no.jpg", "", "a\0b.jpg"]
)
def test_of_a_missing_file(name):
    assert list(stamps([name])) == [b""]


def test_many_files_that_are_slow_to_look_up_keep_their_order(tmp_path, monkeypatch):
    names = [str(tmp_path / f"{i}.jpg") for i in range(300)]
    for i, name in enumerate(names):
        Path(name).write_bytes(b"x" * i)
    wanted = list(stamps(names))
    assert [stamp.split()[0] for stamp in wanted] == [b"%d" % i for i in range(300)]
    monkeypatch.setattr(module, "_SLOW", 0)
    assert list(stamps(names)) == wanted
