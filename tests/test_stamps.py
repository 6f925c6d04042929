"""What tells a resumed run that a picture is still the same."""

from __future__ import annotations

import os

import pytest

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
