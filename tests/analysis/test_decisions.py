"""The decisions file of a gallery, applied."""

from __future__ import annotations

import json
import os

import pytest

import fastdup_gpu as fastdup
from fastdup_gpu.analysis.decisions import FORMAT, plan_decisions
from fastdup_gpu.analysis.deletion import finish

from .made import HOSTILE, logs, picture, tree, work_dir, write_csv


def apply_decisions(*arguments, dry_run=True, **options):
    return finish(plan_decisions(*arguments, **options), dry_run)


@pytest.fixture
def run(tmp_path):
    names = [picture(tmp_path / "data" / name, i) for i, name in enumerate(HOSTILE)]
    return work_dir(tmp_path / "out", dict.fromkeys(names, 0))


def decisions(tmp_path, entries, **changes):
    path = tmp_path / "decisions.json"
    content = {"format": FORMAT, "work_dir": "anywhere", "delete": entries} | changes
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def entry(name):
    try:
        name.encode()
    except UnicodeEncodeError:
        return {"name": ascii(name), "bytes_hex": os.fsencode(name).hex()}
    return {"name": name}


def test_ticked_pictures_go_and_come_back(run, tmp_path):
    before = tree(tmp_path / "data")
    names = [str(tmp_path / "data" / name) for name in HOSTILE[:5]]
    path = decisions(tmp_path, [entry(name) for name in [*names, names[0]]])
    assert apply_decisions(path, run) == names
    assert tree(tmp_path / "data") == before
    assert apply_decisions(path, run, dry_run=False) == names
    assert set(tree(tmp_path / "data")) == set(HOSTILE[5:])
    fastdup.undo_deletion(logs(tmp_path)[0])
    assert tree(tmp_path / "data") == before


def test_files_that_are_no_picture_of_the_run_are_safe(run, tmp_path, caplog):
    (tmp_path / "precious.txt").write_text("mine")
    inside = str(tmp_path / "data" / HOSTILE[0])
    given = [{"name": str(tmp_path / "precious.txt")}, {"name": "/etc/passwd"}, {"name": inside}]
    assert apply_decisions(decisions(tmp_path, given), run, dry_run=False) == [inside]
    assert (tmp_path / "precious.txt").read_text() == "mine"
    assert "not an image of this run" in caplog.text


def test_run_that_the_file_names(run, tmp_path):
    name = str(tmp_path / "data" / HOSTILE[0])
    path = decisions(tmp_path, [{"name": name}], work_dir=str(run))
    assert apply_decisions(path) == [name]
    with pytest.raises(fastdup.InvalidArgument, match="contains no work_dir"):
        apply_decisions(decisions(tmp_path, [{"name": name}], work_dir=""))


def test_changed_pictures_stay(run, tmp_path):
    name = picture(tmp_path / "data" / HOSTILE[0], 5, (60, 60))
    assert apply_decisions(decisions(tmp_path, [{"name": name}]), run, dry_run=False) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "fastdup-gpu decisions 2"},
        {"delete": None},
        {"delete": [{}]},
        {"delete": [{"name": 3}]},
        {"delete": [{"bytes_hex": "xyz"}]},
        {"delete": ["name"]},
    ],
)
def test_other_files(run, tmp_path, changes):
    with pytest.raises(fastdup.FormatError, match="is not a decisions file of a gallery"):
        apply_decisions(decisions(tmp_path, [], **changes), run)


def test_missing_file(run, tmp_path):
    with pytest.raises(fastdup.InvalidArgument, match="does not exist"):
        apply_decisions(tmp_path / "none.json", run)


def test_file_that_the_run_knows_under_another_name_stays(tmp_path, monkeypatch, caplog):
    one = picture(tmp_path / "data" / "a.png", 0)
    (tmp_path / "link").symlink_to("data")
    monkeypatch.chdir(tmp_path)
    names = [one, "data/a.png", "link/a.png"]
    found = work_dir(tmp_path / "out", dict.fromkeys(names, 0))
    for name in names:
        path = decisions(tmp_path, [{"name": name}])
        assert apply_decisions(path, found, dry_run=False) == []
    assert "under another name" in caplog.text
    path = decisions(tmp_path, [{"name": name} for name in names])
    assert len(apply_decisions(path, found, dry_run=False)) == 1
    assert not (tmp_path / "data" / "a.png").exists()


def test_pictures_of_test_dir_go_like_others(tmp_path):
    train, test = picture(tmp_path / "a.png", 0), picture(tmp_path / "t.png", 0)
    found = work_dir(tmp_path / "out", {train: 0})
    write_csv(found / "atest_features.dat.csv", "index,filename", [(0, test)])
    path = decisions(tmp_path, [{"name": test}])
    assert apply_decisions(path, found, dry_run=False) == [test]


def test_what_a_link_that_stays_points_to_stays_as_well(tmp_path, caplog):
    target = picture(tmp_path / "zz.png", 0)
    link = tmp_path / "a_link.png"
    link.symlink_to("zz.png")
    copy = picture(tmp_path / "copy.png", 0)
    found = work_dir(tmp_path / "out", dict.fromkeys([str(link), target, copy], 0))
    path = decisions(tmp_path, [{"name": target}, {"name": copy}])
    assert apply_decisions(path, found, dry_run=False) == [copy]
    assert link.exists() and "zz.png" in caplog.text
    everything = [{"name": name} for name in (str(link), target)]
    assert len(apply_decisions(decisions(tmp_path, everything), found, dry_run=False)) == 2


def test_marked_pictures_of_protected_folders_stay(run, tmp_path, capsys):
    names = [str(tmp_path / "data" / name) for name in HOSTILE[:2]]
    path = decisions(tmp_path, [entry(name) for name in names])
    assert apply_decisions(path, run, protect=tmp_path / "data") == []
    assert capsys.readouterr().out.count("in a protected folder") == 2
