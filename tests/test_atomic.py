"""Files written whole, by any number of writers, whatever a killed one left."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import threading

import pytest

from fastdup_gpu import WorkDirError
from fastdup_gpu._atomic import alone, replaced


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_a_killed_process_left_is_taken_over(tmp_path):
    (tmp_path / ".a.csv.tmp").write_bytes(b"left " * 100)
    with replaced(tmp_path / "a.csv") as temporary:
        temporary.write_bytes(b"new")
    assert names(tmp_path) == ["a.csv"]
    assert (tmp_path / "a.csv").read_bytes() == b"new"


def test_a_failure_leaves_the_old_file(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), replaced(tmp_path / "a") as temporary:
        temporary.write_bytes(b"new")
        raise ZeroDivisionError
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


def test_a_power_cut_leaves_the_old_file_or_the_whole_new_one(tmp_path, monkeypatch):
    """What was written is on the disk before it gets its name."""
    target, sync, synced = tmp_path / "a", os.fsync, []
    target.write_bytes(b"old")

    def watched(number: int) -> None:
        status = os.fstat(number)
        synced.append((status.st_ino, status.st_size, target.read_bytes()))
        sync(number)

    monkeypatch.setattr(os, "fsync", watched)
    with replaced(target) as temporary:
        temporary.write_bytes(b"newer")
    assert synced == [(target.stat().st_ino, 5, b"old")]


@pytest.mark.parametrize("name", ["x" * 255, "\N{CJK UNIFIED IDEOGRAPH-4E00}" * 85])
def test_the_longest_names(tmp_path, name):
    with replaced(tmp_path / name) as first, replaced(tmp_path / name) as second:
        first.write_bytes(b"first")
        second.write_bytes(b"second")
    assert names(tmp_path) == [name]
    assert (tmp_path / name).read_bytes() == b"first"


def test_two_at_a_time_do_not_mix(tmp_path):
    with replaced(tmp_path / "a") as first:
        first.write_bytes(b"first")
        with replaced(tmp_path / "a") as second:
            assert second != first
            second.write_bytes(b"second")
        assert (tmp_path / "a").read_bytes() == b"second"
    assert (tmp_path / "a").read_bytes() == b"first"
    assert names(tmp_path) == ["a"]


def test_many_threads_write_whole_files(tmp_path):
    contents = [bytes([65 + i]) * 50_000 for i in range(8)]
    torn = []

    def write(content: bytes) -> None:
        for _ in range(40):
            with replaced(tmp_path / "a", durable=False) as temporary:
                temporary.write_bytes(content)
            if (tmp_path / "a").read_bytes() not in contents:
                torn.append(content[:1])

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not torn
    assert names(tmp_path) == ["a"]


def test_file_systems_without_locks(tmp_path, monkeypatch):
    def no_locks(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with replaced(tmp_path / "a") as temporary:
        temporary.write_bytes(b"new")
    assert (tmp_path / "a").read_bytes() == b"new"
    assert names(tmp_path) == ["a"]


def test_a_link_in_its_place_is_not_followed(tmp_path):
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / ".a.tmp").symlink_to("precious")
    with replaced(tmp_path / "a") as temporary:
        temporary.write_bytes(b"new")
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert (tmp_path / "a").read_bytes() == b"new"


def test_no_folder_to_write_to(tmp_path):
    told = r"none.*cannot be written \(No such file.*check that its folder exists"
    with (
        pytest.raises(WorkDirError, match=told),
        replaced(tmp_path / "none" / "a"),
    ):
        pass


def test_a_fork_during_the_work_keeps_nothing_locked(tmp_path):
    with alone(tmp_path / "run.lock"), replaced(tmp_path / "a"):
        child = os.fork()
        if not child:
            os.read(os.pipe()[0], 1)  # sleeps until it is killed
    try:
        with alone(tmp_path / "run.lock"):
            pass
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_a_lock_of_another_user_is_held_as_well(tmp_path, monkeypatch):
    lock = tmp_path / "tmp" / "run.lock"
    lock.parent.mkdir()
    lock.touch()
    opened = os.open

    def refused(path, flags, mode=0o777):
        if flags & os.O_RDWR:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opened(path, flags, mode)

    monkeypatch.setattr(os, "open", refused)
    with alone(lock), pytest.raises(WorkDirError, match="another run"), alone(lock):
        pass
    with pytest.raises(WorkDirError, match="cannot be written"), alone(lock.with_name("none")):
        pass
