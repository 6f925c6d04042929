"""Built engines on disk: the right one is found, a damaged one is built anew."""

from __future__ import annotations

import logging
import os
from dataclasses import replace

import pytest

from fastdup_gpu.gpu import engine_cache
from fastdup_gpu.gpu.engine_cache import EngineKey, cache_folder, cached, forget, verdict

KEY = EngineKey("ab" * 32, "NVIDIA H100 9.0", "tensorrt 11.4", "fp16 1", (128, 160, 160))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "fastdup-gpu" / "engines"


class Builder:
    def __init__(self, payload: bytes = b"engine") -> None:
        self.payload, self.times = payload, 0

    def __call__(self) -> bytes:
        self.times += 1
        return self.payload


def test_an_engine_is_built_once(folder):
    build = Builder(os.urandom(5000))
    assert cached(KEY, build) == cached(KEY, build) == build.payload
    assert build.times == 1
    assert [p.parent for p in folder.iterdir()] == [folder]


@pytest.mark.parametrize(
    "change",
    [
        {"model": "cd" * 32},
        {"gpu": "NVIDIA H100 9.1"},
        {"library": "tensorrt 11.5"},
        {"library": "tensorrt_rtx 11.4"},
        {"precision": "fp32 1"},
        {"profile": (64, 160, 160)},
        {"profile": (128, 192, 160)},
    ],
    ids=str,
)
def test_whatever_an_engine_is_tied_to_makes_another(change):
    cached(KEY, Builder(b"one"))
    assert cached(replace(KEY, **change), Builder(b"two")) == b"two"
    assert cached(KEY, Builder(b"three")) == b"one"


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "foreign", "longer"])
def test_a_damaged_engine_is_built_anew(damage, caplog):
    cached(KEY, Builder(b"x" * 1000))
    stored = KEY.path().read_bytes()
    flipped = stored[:500] + bytes([stored[500] ^ 1]) + stored[501:]
    KEY.path().write_bytes(
        {
            "cut": stored[:-1],
            "flipped": flipped,
            "empty": b"",
            "foreign": b"PK" + stored[2:],
            "longer": stored + b"x",
        }[damage]
    )
    build = Builder(b"new")
    with caplog.at_level(logging.WARNING, "fastdup_gpu"):
        assert cached(KEY, build) == b"new"
    assert "damaged" in caplog.text
    assert cached(KEY, build) == b"new" and build.times == 1


def test_a_failed_build_leaves_nothing(folder):
    def fail() -> bytes:
        raise RuntimeError("no kernel image")

    with pytest.raises(RuntimeError):
        cached(KEY, fail)
    assert not folder.exists() or list(folder.iterdir()) == []


def test_a_write_that_breaks_off_leaves_the_old_engine(folder, monkeypatch):
    engine_cache.write(KEY, b"old")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(OSError, match="No space"):
        engine_cache.write(KEY, b"new")
    assert engine_cache.read(KEY) == b"old"
    assert len(list(folder.iterdir())) == 1


def test_a_cache_that_cannot_be_written_is_no_failure(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    build = Builder()
    assert cached(KEY, build) == cached(KEY, build) == b"engine"
    assert build.times == 2
    assert "cannot be written" in caplog.text


def test_an_engine_that_the_library_refuses_is_forgotten():
    cached(KEY, Builder(b"one"))
    forget(KEY)
    forget(KEY)
    assert cached(KEY, Builder(b"two")) == b"two"


def test_a_verdict_is_kept():
    assert verdict(KEY, lambda: {"cosine": 0.5}) == {"cosine": 0.5}
    assert verdict(KEY, lambda: {"cosine": 0.7}) == {"cosine": 0.5}


def test_a_relative_cache_folder_is_not_taken(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder().is_absolute()
