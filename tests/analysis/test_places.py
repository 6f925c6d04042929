"""Relative names of a run, used from another folder: nothing else of that name is touched."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from making import photo, photos, run

import fastdup_gpu as fastdup
from fastdup_gpu.analysis.decisions import FORMAT
from fastdup_gpu.cli import main


@pytest.fixture
def projects(tmp_path, monkeypatch):
    """Two projects with older files of the same names and sizes. Of `mine`, which was run from its
    own folder, two images are alike; the current folder is that of `other`."""
    for name, first in (("other", 50), ("mine", 0)):
        for path in photos(tmp_path / name / "in", 6, first=first):
            photo(int(path.stem)).save(path.with_name(f"{int(path.stem) - first}.bmp"))
            path.unlink()
    shutil.copy(tmp_path / "mine" / "in" / "1.bmp", tmp_path / "mine" / "in" / "4.bmp")
    monkeypatch.chdir(tmp_path / "mine")
    assert run("in", Path("out")) == 0
    monkeypatch.chdir(tmp_path / "other")
    return tmp_path


def images(folder):
    return sorted(path.name for path in (folder / "in").glob("*.bmp"))


WHOLE = [f"{i}.bmp" for i in range(6)]


def by_components(work_dir):
    fastdup.delete_components(fastdup.find_top_components(work_dir), dry_run=False)


def by_statistics(work_dir):
    fastdup.delete_or_retag_stats_outliers(
        fastdup.Session(work_dir).stats.query("filename == 'in/4.bmp'"),
        "blur",
        lower_threshold=1e9,
        dry_run=False,
        work_dir=work_dir,
    )


def by_the_command(work_dir):
    assert main(["dedupe", str(work_dir), "--apply"]) == 0


def by_decisions(work_dir):
    made = {"format": FORMAT, "work_dir": str(work_dir), "delete": [{"name": "in/4.bmp"}]}
    Path("decisions.json").write_text(json.dumps(made))
    assert main(["dedupe", "--decisions", "decisions.json", "--apply"]) == 0


@pytest.mark.parametrize("delete", [by_components, by_statistics, by_the_command, by_decisions])
@pytest.mark.parametrize("moved", [False, True])
def test_deletion_finds_the_files_of_the_run(projects, delete, moved):
    mine = projects / "mine"
    if moved:
        mine = mine.rename(projects / "elsewhere")
    delete(mine / "out")
    assert images(projects / "other") == WHOLE
    assert images(mine) == [name for name in WHOLE if name != "4.bmp"]


def test_a_copy_of_the_results_belongs_to_the_same_images(projects):
    shutil.copytree(projects / "mine" / "out", projects / "backup" / "out")
    by_components(projects / "backup" / "out")
    assert images(projects / "mine") == [name for name in WHOLE if name != "4.bmp"]


def test_a_copy_of_the_whole_project_is_a_project_of_its_own(projects):
    shutil.copytree(projects / "mine", projects / "copy")
    by_components(projects / "copy" / "out")
    assert images(projects / "mine") == WHOLE
    assert images(projects / "copy") == [name for name in WHOLE if name != "4.bmp"]


def test_results_beside_another_project(projects, monkeypatch):
    """Whose images have the same names."""
    monkeypatch.chdir(projects / "mine")
    out = projects / "other" / "out"
    assert run("in", out) == 0
    by_components(out)
    assert images(projects / "other") == WHOLE
    assert images(projects / "mine") == [name for name in WHOLE if name != "4.bmp"]


def test_a_session_stays_with_its_folder(projects, monkeypatch):
    monkeypatch.chdir(projects / "mine")
    session = fastdup.Session("out")
    assert session.work_dir == Path("out")
    monkeypatch.chdir(projects / "other")
    assert set(session.similarity.loc[0, ["from", "to"]]) == {"in/1.bmp", "in/4.bmp"}
    assert session.work_dir == projects / "mine" / "out"
