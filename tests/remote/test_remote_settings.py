"""Settings of remote inputs that need no server."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest
from making import run

from benchmarks.s3_server import ACCESS, SECRET
from fastdup_gpu import InputError, MissingDependency
from fastdup_gpu.sources.endpoints import Server
from remote.objects import opened


@pytest.mark.parametrize(
    "given",
    [
        "s3://KEY:hidden@bucket/a.jpg",
        "s3://KEY:hid/den@bucket/a.jpg",
        "minio://KEY:hidden@host/bucket",
        ["a.jpg", "s3://hidden@bucket/a.jpg"],
    ],
)
def test_credentials_in_a_url_are_refused_and_not_repeated(given, tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    assert run(given, tmp_path / "o") == 1
    assert "never in the URL" in caplog.text
    Path("boxes.csv").write_text("filename,col_x,row_y,width,height\ns3://K:hidden@b/a.jpg,1,1,9,9")
    assert run("boxes.csv", tmp_path / "o") == 1
    assert "hidden" not in caplog.text + "".join(
        p.read_text() for p in Path("o").rglob("*") if p.is_file()
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MC_HOST_here", f"{ACCESS}:{SECRET}"),
        ("MC_HOST_other", f"http://{ACCESS}:{SECRET}@127.0.0.1:1"),
        ("AWS_ENDPOINT_URL", f"http://{ACCESS}:{SECRET}@127.0.0.1:1"),
        ("MC_CONFIG_DIR", "broken"),
    ],
)
def test_aliases_that_do_not_work(monkeypatch, tmp_path, name, value):
    pytest.importorskip("s3fs")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("MC_CONFIG_DIR", str(tmp_path / "none"))
    monkeypatch.setenv(name, value)
    Path("broken").mkdir()
    Path("broken/config.json").write_text(f'{{"aliases": {{"here": "{SECRET}')
    with pytest.raises(InputError) as error:
        opened("minio://here/bucket")
    assert ACCESS not in str(error.value)
    assert SECRET not in str(error.value)


def test_without_s3fs_the_message_says_what_to_install(monkeypatch, tmp_path, caplog):
    for module in ("s3", "copies", "remote_archives"):
        monkeypatch.delitem(sys.modules, f"fastdup_gpu.sources.{module}", raising=False)
    monkeypatch.setitem(sys.modules, "s3fs", None)
    for given in ("s3://b", ["s3://b/a.jpg"], "s3://b/a.tar"):
        with pytest.raises(MissingDependency, match=r"input_dir.*fastdup-gpu\[cloud\]"):
            opened(given, tmp_path / "work")
    assert run("s3://b", tmp_path / "o") == 1
    assert "fastdup-gpu[cloud]" in caplog.text


@pytest.mark.parametrize(
    "value, anonymous", [("true", True), ("1", True), ("false", False), ("", False)]
)
def test_a_public_bucket_may_be_asked_for_at_any_time(monkeypatch, value, anonymous):
    """Not only before fsspec is imported."""
    s3 = pytest.importorskip("fastdup_gpu.sources.s3", reason="s3fs is not installed")
    monkeypatch.setenv("FSSPEC_S3_ANON", value)
    assert bool(s3.Store(Server("http://localhost:1"))._files.anon) is anonymous
    assert not s3.Store(Server("http://localhost:1", "key", "secret"))._files.anon


@pytest.mark.parametrize(
    ("level", "kept"), [("DEBUG", "INFO"), ("INFO", "INFO"), ("ERROR", "ERROR")]
)
def test_libraries_log_no_more_than_the_program_and_no_requests(caplog, level, kept):
    s3 = pytest.importorskip("fastdup_gpu.sources.s3", reason="s3fs is not installed")
    library = logging.getLogger("botocore")
    before = library.level
    try:
        library.setLevel(logging.NOTSET)
        caplog.set_level(level)
        s3.Store(Server("http://localhost:1"))
        caplog.set_level("DEBUG")
        assert logging.getLevelName(logging.getLogger("botocore.auth").getEffectiveLevel()) == kept
    finally:
        library.setLevel(before)
