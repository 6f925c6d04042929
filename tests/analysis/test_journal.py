"""Moves that can be taken back, whenever they stop."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import pytest
from small_disks import disk

import fastdup_gpu as fastdup
from fastdup_gpu import FormatError, InvalidArgument, WorkDirError
from fastdup_gpu.analysis import journal, trash
from fastdup_gpu.analysis.journal import Move, move_all, undo

from .made import HOSTILE, logs, picture, tree, work_dir


def moves(folder: Path, names: list[str]) -> list[Move]:
    """Files under those names, each with bytes of its own, and where they are to go."""
    (folder / "data").mkdir()
    for i, name in enumerate(names):
        (folder / "data" / name).write_bytes(b"%d" % i * 1000)
    return [Move(n, str(folder / "data" / n), str(folder / "away" / "x" / n)) for n in names]


def test_hostile_names_go_and_come_back_byte_for_byte(tmp_path):
    planned = moves(tmp_path, HOSTILE)
    before = tree(tmp_path / "data")
    outcome = move_all(planned, tmp_path / "away" / "undo.jsonl")
    assert (outcome.done, outcome.refused) == (HOSTILE, [])
    assert tree(tmp_path / "data") == {}
    assert tree(tmp_path / "away" / "x") == before
    back = undo(tmp_path / "away" / "undo.jsonl")
    assert sorted(back.done) == sorted(move.source for move in planned)
    assert tree(tmp_path / "data") == before
    assert not (tmp_path / "away" / "x").exists()


def test_the_longest_names_come_back(tmp_path):
    names = ["x" * 255, "\N{CJK UNIFIED IDEOGRAPH-4E00}" * 85]
    planned = moves(tmp_path, names)
    before = tree(tmp_path / "data")
    assert move_all(planned, tmp_path / "away" / "undo.jsonl").done == names
    assert len(undo(tmp_path / "away" / "undo.jsonl").done) == 2
    assert tree(tmp_path / "data") == before


def test_log_is_on_disk_before_the_first_move(tmp_path, monkeypatch):
    planned = moves(tmp_path, ["a", "b"])
    log = tmp_path / "undo.jsonl"
    seen = []

    def look(source: str, target: str) -> None:
        seen.append([json.loads(line) for line in log.read_text().splitlines()])

    monkeypatch.setattr(journal, "move_without_overwriting", look)
    move_all(planned, log)
    assert [[m.get("source") for m in lines[1:]] for lines in seen] == [
        [move.source for move in planned]
    ] * 2


def test_a_power_cut_takes_neither_the_log_nor_a_copy(tmp_path, monkeypatch):
    """The log is on the disk before a file is touched, a copy before its original goes."""
    planned, sync = moves(tmp_path, ["a", "b"]), os.fsync
    synced: dict[int, tuple[int, list[str]]] = {}

    def watched(number: int) -> None:
        status = os.fstat(number)
        synced[status.st_ino] = status.st_size, sorted(tree(tmp_path / "data"))
        sync(number)

    monkeypatch.setattr(os, "fsync", watched)
    with disk(tmp_path / "away", 100) as other:
        log = tmp_path / "undo.jsonl"
        assert move_all(planned, log).done == ["a", "b"]
        assert synced[log.stat().st_ino] == (log.stat().st_size, ["a", "b"])
        for move in planned:
            size, left = synced[Path(move.target).stat().st_ino]
            assert size == 1000 and move.name in left
        assert (other.path / "x").stat().st_ino in synced


@pytest.mark.parametrize("where", ["before the move", "between its two steps", "after the move"])
def test_killed_go_is_undone(tmp_path, where):
    planned = moves(tmp_path, ["a", "b", "c"])
    before = tree(tmp_path / "data")
    log = tmp_path / "away" / "undo.jsonl"
    child = os.fork()
    if child == 0:  # dies while it moves b
        real = journal.move_without_overwriting

        def die(source: str, target: str) -> None:
            if source.endswith("b") and where == "before the move":
                os._exit(9)
            if source.endswith("b") and where == "between its two steps":
                os.link(source, target)
                os._exit(9)
            real(source, target)
            if source.endswith("b"):
                os._exit(9)

        journal.move_without_overwriting = die
        move_all(planned, log)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert undo(log).refused == []
    assert tree(tmp_path / "data") == before
    assert [p for p in (tmp_path / "away").rglob("*") if p.is_file()] == [log]


def test_nothing_is_overwritten_by_a_move(tmp_path):
    planned = moves(tmp_path, ["a", "b"])
    taken = Path(planned[0].target)
    taken.parent.mkdir(parents=True)
    taken.write_bytes(b"mine")
    outcome = move_all(planned, tmp_path / "undo.jsonl")
    assert outcome.done == ["b"]
    assert [name for name, _ in outcome.refused] == ["a"]
    assert taken.read_bytes() == b"mine"
    assert (tmp_path / "data" / "a").read_bytes() == b"0" * 1000
    (tmp_path / "data" / "a").unlink()
    undo(tmp_path / "undo.jsonl")
    assert taken.read_bytes() == b"mine"


def test_two_files_for_one_place_keep_both(tmp_path):
    planned = moves(tmp_path, ["a", "b"])
    before = tree(tmp_path / "data")
    same = [Move(m.name, m.source, str(tmp_path / "away" / "same")) for m in planned]
    outcome = move_all(same, tmp_path / "undo.jsonl")
    assert (outcome.done, [name for name, _ in outcome.refused]) == (["a"], ["b"])
    undo(tmp_path / "undo.jsonl")
    assert tree(tmp_path / "data") == before


def test_undo_leaves_a_new_file_alone(tmp_path):
    planned = moves(tmp_path, ["a", "b"])
    move_all(planned, tmp_path / "undo.jsonl")
    (tmp_path / "data" / "a").write_bytes(b"new")
    outcome = undo(tmp_path / "undo.jsonl")
    assert outcome.done == [planned[1].source]
    assert [name for name, _ in outcome.refused] == [planned[0].source]
    assert (tmp_path / "data" / "a").read_bytes() == b"new"
    assert Path(planned[0].target).read_bytes() == b"0" * 1000


def test_undo_takes_no_other_file_for_its_own(tmp_path):
    """Not one of the same size and time, which copying keeps."""
    (move,) = moves(tmp_path, ["a"])
    move_all([move], tmp_path / "undo.jsonl")
    Path(move.source).write_bytes(b"x" * 1000)
    times = Path(move.target).stat()
    os.utime(move.source, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert len(undo(tmp_path / "undo.jsonl").refused) == 1
    assert Path(move.source).read_bytes() == b"x" * 1000
    assert Path(move.target).read_bytes() == b"0" * 1000


def test_undo_takes_no_link_to_the_moved_file_for_the_file(tmp_path):
    (move,) = moves(tmp_path, ["a"])
    move_all([move], tmp_path / "undo.jsonl")
    Path(move.source).symlink_to(move.target)
    assert len(undo(tmp_path / "undo.jsonl").refused) == 1
    assert Path(move.source).read_bytes() == b"0" * 1000


def test_undo_makes_a_lost_folder_again(tmp_path):
    planned = moves(tmp_path, ["a", "b"])
    before = tree(tmp_path / "data")
    move_all(planned, tmp_path / "undo.jsonl")
    (tmp_path / "data").rmdir()
    assert len(undo(tmp_path / "undo.jsonl").done) == 2
    assert tree(tmp_path / "data") == before


def test_killed_during_the_copy_to_another_disk(tmp_path):
    planned = moves(tmp_path, ["a", "b"])
    before = tree(tmp_path / "data")
    with disk(tmp_path / "away", 100):
        log = tmp_path / "undo.jsonl"
        child = os.fork()
        if child == 0:  # dies when half of b is copied
            real = shutil.copy2

            def die(source: str, target: Path, **options: bool) -> None:
                real(source, target, **options)
                if source.endswith("b"):
                    os.truncate(target, 500)
                    os._exit(9)

            shutil.copy2 = die
            move_all(planned, log)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
        assert tree(tmp_path / "data").keys() == {"b"}
        assert undo(log).refused == []
        assert tree(tmp_path / "data") == before
        assert tree(tmp_path / "away") == {}


def test_killed_after_the_copy_to_another_disk(tmp_path, monkeypatch):
    planned = moves(tmp_path, ["a", "b"])
    before = tree(tmp_path / "data")

    def copies(source: str, target: str) -> None:
        Path(target).write_bytes(Path(source).read_bytes())
        raise KeyboardInterrupt

    monkeypatch.setattr(journal, "move_without_overwriting", copies)
    with pytest.raises(KeyboardInterrupt):
        move_all(planned, tmp_path / "away" / "undo.jsonl")
    monkeypatch.undo()
    back = undo(tmp_path / "away" / "undo.jsonl")
    assert (back.done, back.refused) == ([], [])
    assert tree(tmp_path / "data") == before
    assert not (tmp_path / "away" / "x").exists()


def test_undo_twice_and_lost_files(tmp_path):
    planned = moves(tmp_path, ["a", "b"])
    move_all(planned, tmp_path / "undo.jsonl")
    Path(planned[0].target).unlink()
    first = undo(tmp_path / "undo.jsonl")
    assert (first.done, len(first.refused)) == ([planned[1].source], 1)
    second = undo(tmp_path / "undo.jsonl")
    assert (second.done, second.refused) == ([], first.refused)


def test_log_is_never_overwritten(tmp_path):
    planned = moves(tmp_path, ["a"])
    (tmp_path / "undo.jsonl").write_text("precious")
    with pytest.raises(WorkDirError, match=r"undo\.jsonl.*nothing was moved"):
        move_all(planned, tmp_path / "undo.jsonl")
    assert (tmp_path / "undo.jsonl").read_text() == "precious"
    assert Path(planned[0].source).exists()


def test_link_is_moved_not_its_target(tmp_path):
    (tmp_path / "real").write_bytes(b"real")
    (tmp_path / "link").symlink_to("real")
    move_all([Move("link", str(tmp_path / "link"), str(tmp_path / "t" / "link"))], tmp_path / "log")
    assert not os.path.lexists(tmp_path / "link")
    assert str((tmp_path / "t" / "link").readlink()) == "real"
    assert (tmp_path / "real").read_bytes() == b"real"
    undo(tmp_path / "log")
    assert str((tmp_path / "link").readlink()) == "real"


@pytest.mark.parametrize("rename_works", [True, False], ids=["no hard links", "other disk"])
def test_without_hard_links(tmp_path, monkeypatch, rename_works):
    planned = moves(tmp_path, ["a"])
    os.utime(planned[0].source, ns=(10**18, 10**18))

    def no_link(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, "cross-device link")

    real = Path.rename

    def rename(self: Path, target: object) -> Path:
        if not rename_works and self.parent != Path(str(target)).parent:
            raise OSError(errno.EXDEV, "cross-device link")
        return real(self, target)

    monkeypatch.setattr(os, "link", no_link)
    monkeypatch.setattr(Path, "rename", rename)
    assert move_all(planned, tmp_path / "log").done == ["a"]
    assert not Path(planned[0].source).exists()
    assert [p.name for p in Path(planned[0].target).parent.iterdir()] == ["a"]
    assert Path(planned[0].target).stat().st_mtime_ns == 10**18
    Path(planned[0].source).write_bytes(b"new")
    assert undo(tmp_path / "log").done == []
    Path(planned[0].source).unlink()
    assert undo(tmp_path / "log").done == [planned[0].source]
    assert Path(planned[0].source).read_bytes() == b"0" * 1000


def test_really_another_file_system(tmp_path):
    shm = Path("/dev/shm")
    if not shm.is_dir() or shm.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system to write to")
    target = shm / f"fastdup-gpu-test-{os.getpid()}"
    planned = moves(tmp_path, ["a"])
    try:
        assert move_all([Move("a", planned[0].source, str(target))], tmp_path / "log").done == ["a"]
        assert target.read_bytes() == b"0" * 1000
        assert undo(tmp_path / "log").done == [planned[0].source]
        assert not target.exists()
    finally:
        target.unlink(missing_ok=True)


def test_a_link_goes_to_another_disk_as_a_link(tmp_path):
    (move,) = moves(tmp_path, ["real"])
    link = tmp_path / "data" / "link"
    link.symlink_to(move.source)
    with disk(tmp_path / "away", 100) as other:
        going = [Move("link", str(link), str(other.path / "link"))]
        assert move_all(going, tmp_path / "log").done == ["link"]
        assert str((other.path / "link").readlink()) == move.source
        assert not os.path.lexists(link)
        assert undo(tmp_path / "log").done == [str(link)]
    assert str(link.readlink()) == move.source
    assert Path(move.source).read_bytes() == b"0" * 1000


def test_a_disk_without_room_keeps_no_half_of_a_file(tmp_path):
    (move,) = moves(tmp_path, ["a"])
    Path(move.source).write_bytes(b"0" * 100_000)
    with disk(tmp_path / "away", 40) as other:
        outcome = move_all([move], tmp_path / "log")
        assert outcome.refused == [("a", "No space left on device")]
        assert tree(other.path) == {}
    assert Path(move.source).read_bytes() == b"0" * 100_000


def test_source_that_cannot_be_removed_leaves_no_copy(tmp_path, monkeypatch):
    planned = moves(tmp_path, ["a"])
    real = Path.unlink

    def unlink(self: Path, missing_ok: bool = False) -> None:
        if self == Path(planned[0].source):
            raise PermissionError(errno.EPERM, "Operation not permitted")
        real(self, missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    outcome = move_all(planned, tmp_path / "log")
    assert outcome.refused == [("a", "Operation not permitted")]
    assert Path(planned[0].source).exists()
    assert not Path(planned[0].target).exists()


def test_cut_off_log_names_what_it_still_holds(tmp_path):
    planned = moves(tmp_path, ["a", "b"])
    log = tmp_path / "undo.jsonl"
    move_all(planned, log)
    log.write_bytes(log.read_bytes()[:-5])
    assert [move.name for move in journal.read_log(log)] == ["a"]


@pytest.mark.parametrize("content", ["", "[]\n", '{"format": "other"}\n', "\x00\n", "{}\n{}\n"])
def test_other_files_are_no_logs(tmp_path, content):
    (tmp_path / "log").write_text(content)
    with pytest.raises(FormatError, match="undo log"):
        undo(tmp_path / "log")


def test_the_folder_of_a_log_stands_for_it(tmp_path):
    name = picture(tmp_path / "data" / "a.png")
    found = work_dir(tmp_path / "out", {name: 0, picture(tmp_path / "data" / "b.png"): 0})
    table = fastdup.find_top_components(found)
    assert len(fastdup.delete_components(table, how="all", dry_run=False)) == 2
    assert len(fastdup.undo_deletion(logs(tmp_path)[0].parent)) == 2
    with pytest.raises(fastdup.InvalidArgument, match="log=None: expected a path"):
        fastdup.undo_deletion(None)


def test_where_nothing_can_be_printed_the_way_back_is_logged(tmp_path, monkeypatch, caplog):
    names = [picture(tmp_path / f"{n}.png") for n in "ab"]
    found = work_dir(tmp_path / "out", dict.fromkeys(names, 0))

    def full(text):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(trash, "say", full)
    with pytest.raises(OSError, match="No space"):
        fastdup.delete_components(fastdup.find_top_components(found), dry_run=False)
    (log,) = logs(tmp_path)
    assert "1 file" in caplog.text and f"fastdup-gpu undo {log}" in caplog.text


def test_missing_log(tmp_path):
    with pytest.raises(InvalidArgument, match=r"undo\.jsonl"):
        undo(tmp_path / "none")


def test_what_cannot_be_brought_back_does_not_keep_the_rest_away(tmp_path):
    for name in ("a", "sub/b"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    trash = tmp_path / "trash"
    moves = [Move(name, str(tmp_path / name), str(trash / name)) for name in ("a", "sub/b")]
    move_all(moves, trash / "undo.jsonl")
    (trash / "sub" / "b").rename(tmp_path / "elsewhere")
    (trash / "sub").rmdir()
    (trash / "sub").write_text("a file where a folder was")
    outcome = undo(trash / "undo.jsonl")
    assert outcome.done == [str(tmp_path / "a")]
    assert (tmp_path / "a").read_text() == "a"
    assert len(outcome.refused) == 1
