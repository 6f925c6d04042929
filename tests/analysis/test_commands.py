"""dedupe, undo and evaluate as typed on a command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import fastdup_gpu
from fastdup_gpu.cli import main

from .made import logs, picture, tree, work_dir, write_csv

ROOT = Path(fastdup_gpu.__file__).parents[1]


@pytest.fixture
def run(tmp_path):
    names = [picture(tmp_path / "data" / f"{n}.png", 0, (20, 20)) for n in "abc"]
    return work_dir(tmp_path / "out", dict.fromkeys(names, 0))


def test_dedupe_shows_then_applies_then_undo(run, tmp_path, capsys):
    before = tree(tmp_path)
    assert main(["dedupe", str(run)]) == 0
    assert "2 files to move to the trash" in capsys.readouterr().out
    assert main(["dedupe", str(run), "--dry-run"]) == 0
    assert tree(tmp_path) == before
    assert main(["dedupe", str(run), "--apply"]) == 0
    assert list(tree(tmp_path / "data")) == ["a.png"]
    (log,) = logs(tmp_path)
    assert str(log) in capsys.readouterr().out.splitlines()[-1]
    assert main(["undo", str(log)]) == 0
    assert tree(tmp_path) == before


def test_undo_that_leaves_something_fails(run, tmp_path, capsys):
    main(["dedupe", str(run), "--apply"])
    (tmp_path / "data" / "b.png").write_bytes(b"new")
    assert main(["undo", str(logs(tmp_path)[0])]) == 1
    assert "b.png" in capsys.readouterr().err


def test_json_output(run, tmp_path, capsys):
    assert main(["dedupe", str(run), "--json"]) == 0
    first, *names = [str(tmp_path / "data" / f"{n}.png") for n in "abc"]
    groups = [{"stays": [first], "goes": names}]
    assert json.loads(capsys.readouterr().out) == {"would_move": names, "groups": groups}
    assert main(["dedupe", str(run), "--apply", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"moved": names, "groups": groups}


def test_dedupe_keeps_what_was_asked_for(run, tmp_path, capsys):
    (tmp_path / "data" / "safe").mkdir()
    assert main(["dedupe", str(run), "--keep", "first", "--json"]) == 0
    assert [Path(n).stem for n in json.loads(capsys.readouterr().out)["would_move"]] == ["b", "c"]
    safe = ["--protect", str(tmp_path / "data" / "safe"), "--protect", str(tmp_path / "data")]
    assert main(["dedupe", str(run), *safe]) == 0
    assert "0 files to move" in capsys.readouterr().out
    assert main(["dedupe", str(run), "--protect", str(tmp_path / "none")]) == 2


@pytest.mark.parametrize(
    "options", [("--keep", "oldest"), ("--min-distance", "0.9"), ("--min-similarity", "0.9")]
)
def test_decisions_take_no_rule_of_what_stays(run, tmp_path, options, capsys):
    path = tmp_path / "d.json"
    path.write_text('{"format": "fastdup-gpu decisions 1", "delete": []}')
    assert main(["dedupe", str(run), "--decisions", str(path), *options]) == 2
    assert options[0] in capsys.readouterr().err


def test_decisions_of_a_gallery(run, tmp_path):
    path = tmp_path / "d.json"
    name = str(tmp_path / "data" / "a.png")
    content = {
        "format": "fastdup-gpu decisions 1",
        "work_dir": str(run),
        "delete": [{"name": name}],
    }
    path.write_text(json.dumps(content))
    assert main(["dedupe", "--decisions", str(path)]) == 0
    assert len(tree(tmp_path / "data")) == 3
    assert main(["dedupe", str(run), "--decisions", str(path), "--apply"]) == 0
    assert sorted(tree(tmp_path / "data")) == ["b.png", "c.png"]


def test_limits_of_dedupe(run, capsys):
    main(["dedupe", str(run), "--min-distance", "0.995"])
    assert "0 files to move" in capsys.readouterr().out
    main(["dedupe", str(run), "--min-similarity", "0.5"])
    assert "0 files to move" in capsys.readouterr().out


def test_wrong_input_has_its_exit_code(run, tmp_path, capsys):
    assert main(["dedupe", str(tmp_path / "none")]) in (1, 2)
    assert main(["undo", str(tmp_path / "none")]) == 2
    assert main(["dedupe"]) == 2
    assert main(["dedupe", str(run), "--decisions", str(run / "config.json")]) == 1
    assert capsys.readouterr().err.count("fastdup-gpu: ") == 4


def test_evaluate_as_text_and_json(run, tmp_path, capsys):
    write_csv(tmp_path / "t.csv", "from,to", [("data/a.png", "data/b.png")])
    assert main(["evaluate", str(run), "--truth", str(tmp_path / "t.csv")]) == 0
    text = capsys.readouterr().out
    assert "average precision: 0.3333" in text
    assert "<- best" in text
    assert main(["evaluate", str(run), "--truth", str(tmp_path / "t.csv"), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["average_precision"] == pytest.approx(1 / 3)
    assert result["thresholds"][-1]["precision"] is None


def test_names_that_are_not_utf_8_reach_a_plain_terminal(tmp_path):
    bad = b"\xff.png".decode("utf-8", "surrogateescape")
    names = [picture(tmp_path / "data" / n, 0) for n in ("a.png", bad)]
    found = work_dir(tmp_path / "out", dict.fromkeys(names, 0))
    code = "import sys; from fastdup_gpu.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "dedupe", str(found)]
    environment = {"LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, capture_output=True, cwd=ROOT, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert b"\\udcff.png" in done.stdout
