"""What a terminal shows while a run goes on, and that nothing else is shown anything."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest
from making import photos

from fastdup_gpu._progress import Progress

STYLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def shown(folder: Path, *more: str) -> str:
    """The standard error of a run over 3 good pictures and a bad one, on a terminal."""
    photos(folder / "in", 3)
    (folder / "in" / "9.jpg").write_bytes(b"no picture")
    command = [sys.executable, "-m", "fastdup_gpu", "run", "in", "out", *more]
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=theirs):
        os.close(theirs)
        told = b""
        while part := read(ours):
            told += part
    os.close(ours)
    return STYLE.sub("", told.decode())


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # the other end is closed
        return b""


@pytest.mark.parametrize(
    ("more", "bars"),
    [
        ((), {"extract": "4 of 4", "neighbors": ""}),
        (("--bounding-box", "row_y=0,col_x=0,width=50,height=40"), {"cut": "4 of 4"}),
    ],
    ids=["pictures", "boxes"],
)
def test_on_a_terminal_each_stage_is_shown(tmp_path, more, bars):
    told = shown(tmp_path, *more)
    for stage, count in bars.items():
        assert any(line.startswith(stage) and count in line for line in re.split(r"[\r\n]+", told))
    assert "bad: 1" in told


def test_elsewhere_nothing_is_shown(capfd):
    progress = Progress()
    with progress.stage("extract"), progress.counting("extract", 2) as advance:
        advance(1, 0)
    assert capfd.readouterr() == ("", "")
    assert progress.seconds["extract"] >= 0


class Logged:
    """What programs put in the place of stderr to send it to their log."""

    def write(self, text):
        return len(text)

    def flush(self): ...


@pytest.mark.parametrize("stderr", ["closed", Logged(), None])
def test_stderr_may_be_something_else(stderr, monkeypatch):
    if stderr == "closed":
        stderr = io.StringIO()
        stderr.close()
    monkeypatch.setattr(sys, "stderr", stderr)
    progress = Progress()
    with progress.stage("work"), progress.counting("work", 1) as advance:
        advance(1, 0)
    assert "work" in progress.seconds


def test_a_failing_stage_ends_its_line(capfd):
    progress = Progress(show=True)
    with pytest.raises(ValueError, match="odd"), progress.stage("list"):
        raise ValueError("odd")
    with progress.stage("list"), progress.counting("cut", 2) as advance:
        advance(2, 1)
    assert "2 of 2" in capfd.readouterr().err


def test_what_the_program_prints_meanwhile_goes_to_its_own_output(capfd):
    with Progress(show=True).stage("list"):
        print("mine")
    assert capfd.readouterr().out == "mine\n"


def test_a_notebook_has_one_line(monkeypatch):
    shown = []
    handle = types.SimpleNamespace(update=lambda data, raw: shown.append(data["text/plain"]))
    display = types.SimpleNamespace(display=lambda *_, **__: handle)
    shell = types.SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    progress = Progress()
    with progress.stage("extract"), progress.counting("extract", 4) as advance:
        for _ in range(4):
            advance(1, 0)
        advance(0, 1)
    with progress.stage("neighbors"):
        assert shown[-1] == "neighbors ..."
    assert re.fullmatch(r"extract: 4 of 4, [\d,]+/s, bad: 1", shown[-1])
    assert len(shown) < 6  # not at every picture
