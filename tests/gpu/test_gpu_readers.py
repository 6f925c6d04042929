"""Pictures made ready ahead of the GPU, plain files by processes of their own."""

from __future__ import annotations

import logging
import mmap
import os
import pickle
import sys
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
from making import photo

from fastdup_gpu.gpu import reader, readers
from fastdup_gpu.gpu.readers import ReaderProcess, Readers
from fastdup_gpu.gpu.ready import make_ready, vetted
from fastdup_gpu.protocol import Encoded, PixelPlan, Status
from fastdup_gpu.reading import read_file, read_into

PLAN = PixelPlan(32, 32)
needs_memfd = pytest.mark.skipif(
    not hasattr(os, "memfd_create"), reason="memory files are Linux's, as the GPU backend is"
)


@pytest.fixture
def files(tmp_path):
    """Good and bad ones, by name; one of them is not there."""
    names = "a.jpg", "b c'\"\n.jpg", "cut.jpg", "grey.png", "empty.jpg", "text.jpg", "folder.jpg"
    paths = {name: str(tmp_path / name) for name in (*names, "gone.jpg")}
    photo(1).save(paths["a.jpg"], quality=90)
    photo(2).save(paths["b c'\"\n.jpg"], quality=90, progressive=True)
    photo(3).convert("L").save(paths["grey.png"])
    whole = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "folder.jpg").mkdir()
    odd = tmp_path / os.fsdecode(b"\xff\xfe.jpg")
    odd.write_bytes(whole)
    return [*paths.values(), str(odd)]


def items(paths, *, told=True):
    """`told`: whether the readers learn which file a picture is."""
    return [Encoded(i, partial(read_file, p), p if told else "") for i, p in enumerate(paths)]


def same(one, other):
    assert one.outcome == other.outcome
    assert (bytes(one.data), one.pixels) == (bytes(other.data), other.pixels)
    assert (one.shrunk is None) == (other.shrunk is None)
    if one.shrunk is not None:
        np.testing.assert_array_equal(one.shrunk.model, other.shrunk.model)


def all_ready(files):
    return [make_ready(item, PLAN) for item in items(files)]


@needs_memfd
def test_processes_find_what_threads_find(files):
    with Readers(3, PLAN) as made:
        part = made.submit(items(files)).result()
        assert len(made._started) == 1, "a process has read them"
        for ours, plain in zip(part.ready, all_ready(files), strict=True):
            same(ours, plain)
        part.done()


def test_pictures_that_are_no_files_are_loaded_by_threads(files):
    with Readers(2, PLAN) as made:
        part = made.submit(items(files, told=False)).result()
        assert not made._started
        assert [one.outcome for one in part.ready] == [one.outcome for one in all_ready(files)]


@needs_memfd
def test_many_at_once_keep_their_bytes_until_they_are_given_back(tmp_path):
    paths = []
    for i in range(40):
        paths.append(str(tmp_path / f"{i}.jpg"))
        photo(i).save(paths[-1], quality=90)
    with Readers(4, PLAN) as made:
        for _ in range(3):
            waiting = [made.submit(items(paths[i : i + 5])) for i in range(0, 40, 5)]
            parts = [future.result() for future in waiting]
            data = [bytes(one.data) for part in parts for one in part.ready]
            assert data == [read_file(path) for path in paths]
            for part in parts:
                part.done()
        blocks = [process._size // readers._ROOM for process in made._started]
        assert blocks and max(blocks) <= 8, "no more than were lent at once: they are used again"


@needs_memfd
def test_memory_of_large_files_is_given_back_when_their_block_is(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "_STAYS", 4096)
    data = b"\xff" * (3 << 20)
    (tmp_path / "large.jpg").write_bytes(data)
    with Readers(1, PLAN) as made:
        for _ in range(2):  # the second time in the same block
            part = made.submit(items([str(tmp_path / "large.jpg")])).result()
            (process,) = made._started
            assert process._size == readers._ROOM
            assert os.fstat(process._memory).st_blocks * 512 >= len(data)
            part.done()
            assert os.fstat(process._memory).st_blocks * 512 <= 4096


@needs_memfd
def test_files_that_do_not_fit_into_a_block_come_by_themselves(files, monkeypatch):
    monkeypatch.setattr(readers, "_ROOM", 4096)  # as mmap wants it: whole pages
    with Readers(1, PLAN) as made:
        part = made.submit(items(files)).result()
        for ours, plain in zip(part.ready, all_ready(files), strict=True):
            same(ours, plain)


def test_a_file_for_which_memory_does_not_suffice_costs_only_itself(files, monkeypatch):
    def short(path, room):
        if path == files[1]:
            raise MemoryError
        return read_into(path, room)

    monkeypatch.setattr(reader, "read_into", short)
    mapped = mmap.mmap(-1, 1 << 20)
    room = memoryview(mapped)
    reads = pickle.loads(pickle.dumps(reader.read_all(files[:3], room)))
    block = readers.Block(0, mapped, room, deque())
    ready = [vetted(i, readers._loader(read, block), PLAN) for i, read in enumerate(reads)]
    assert [one.outcome.status for one in ready] == [Status.OK, Status.TOO_LARGE, Status.CORRUPT]
    assert bytes(ready[0].data) == read_file(files[0])


@needs_memfd
def test_a_process_that_dies_costs_one_warning(files, caplog):
    with Readers(1, PLAN) as made:
        made.submit(items(files)).result().done()
        (process,) = made._started
        process._process.kill()
        process._process.wait()
        with caplog.at_level(logging.WARNING, "fastdup_gpu"):
            found = [made.submit(items(files)).result() for _ in range(3)]
        assert len(caplog.records) == 1
    for part in found:
        for ours, plain in zip(part.ready, all_ready(files), strict=True):
            same(ours, plain)


@needs_memfd
def test_where_no_process_can_be_started_threads_read(files, caplog, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with Readers(2, PLAN) as made, caplog.at_level(logging.WARNING, "fastdup_gpu"):
        found = list(map(made.submit, [items(files)] * 4))
        outcomes = [[one.outcome for one in future.result().ready] for future in found]
    assert outcomes == [[one.outcome for one in all_ready(files)]] * 4
    assert "without separate processes" in caplog.text


@needs_memfd
def test_processes_find_packages_where_this_one_does(monkeypatch, tmp_path):
    """An empty entry of sys.path, as `python` in a checkout has one, is the working folder."""
    started = []

    def start(command, **how):
        started.append(how["env"]["PYTHONPATH"].split(os.pathsep))
        assert not how["env"]["FASTDUP_ACCEL"], "each process would say what `import fastdup` gives"
        raise OSError("not today")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FASTDUP_ACCEL", "1")
    monkeypatch.setattr(sys, "path", ["", "below", *sys.path])
    monkeypatch.setattr(readers.subprocess, "Popen", start)
    with pytest.raises(OSError, match="not today"):
        ReaderProcess()
    assert started[0][:2] == [str(tmp_path), str(tmp_path / "below")]


@needs_memfd
def test_processes_end_with_their_readers(files):
    with Readers(2, PLAN) as made:
        made.submit(items(files)).result()
        (process,) = made._started
    assert process._process.returncode == 0


@needs_memfd
def test_a_process_does_not_outlive_a_killed_run(files):
    """Its stdin ends with whoever holds the other end."""
    process = ReaderProcess()
    process.read(files)
    process._process.stdin.close()
    assert process._process.wait(10) == 0
    process._process.stdout.close()


@needs_memfd
def test_one_process_serves_thread_after_thread(files):
    process = ReaderProcess()
    with ThreadPoolExecutor(1) as pool:
        for _ in range(3):
            reads, block = pool.submit(process.read, files).result()
            assert reads[0].size == len(read_file(files[0]))
            block.free(0)
    process.close()
    assert process._size == readers._ROOM
