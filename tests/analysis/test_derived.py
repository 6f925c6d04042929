"""Crops and frames: taking them away says that pictures and videos stay."""

from __future__ import annotations

import pytest
from PIL import Image

import fastdup_gpu as fastdup
from fastdup_gpu.cli import main

from .made import logs, picture, tree, write_csv


@pytest.fixture
def boxes(tmp_path):
    """A run over five boxes of three pictures, four of which hold the same pixels."""
    names = [picture(tmp_path / "data" / f"{n}.png", 0, (40, 30)) for n in "ab"]
    rows = [(names[0], 0, 0, 20, 20), (names[1], 0, 0, 20, 20)] * 2
    rows.append((str(tmp_path / "data" / "red.png"), 20, 10, 20, 20))
    Image.new("RGB", (40, 30), "red").save(rows[-1][0])
    write_csv(tmp_path / "boxes.csv", "filename,col_x,row_y,width,height", rows)
    assert fastdup.run(tmp_path / "boxes.csv", tmp_path / "out") == 0
    return tmp_path / "out"


NOTE = "note: 3 files are crops that the run cut out of 2 images; only these crops are affected"


def test_dry_run_names_crops(boxes, tmp_path, capsys):
    before = tree(tmp_path)
    gone = fastdup.delete_components(fastdup.find_top_components(boxes))
    assert len(gone) == 3
    assert all("/crops/" in name for name in gone)
    assert NOTE in capsys.readouterr().out
    assert tree(tmp_path) == before


def test_pictures_stay_where_they_are(boxes, tmp_path, capsys):
    before = tree(tmp_path)
    assert main(["dedupe", str(boxes), "--apply"]) == 0
    assert NOTE in capsys.readouterr().out
    assert {p: c for p, c in tree(tmp_path).items() if p.startswith("data")} == {
        p: c for p, c in before.items() if p.startswith("data")
    }
    assert main(["undo", str(logs(tmp_path)[0])]) == 0
    assert tree(tmp_path) == before


def test_outliers_of_a_statistic_name_crops(boxes, tmp_path, capsys):
    options = {"metric": "width", "upper_threshold": 1}
    fastdup.delete_or_retag_stats_outliers(boxes, **options)
    assert "note: 5 files are crops" in capsys.readouterr().out
    fastdup.delete_or_retag_stats_outliers(boxes, how="move", save_path=tmp_path / "x", **options)
    assert "note: 5 files are crops" in capsys.readouterr().out


def test_csv_of_components_elsewhere_names_crops(boxes, tmp_path, capsys):
    fastdup.find_top_components(boxes, save_path=tmp_path / "elsewhere")
    fastdup.delete_components_by_label(tmp_path / "elsewhere", min_items=2)
    assert NOTE in capsys.readouterr().out


def test_pictures_themselves_need_no_note(tmp_path, capsys):
    for name in "ab":
        picture(tmp_path / "data" / f"{name}.png", 0, (40, 30))
    assert fastdup.run(tmp_path / "data", tmp_path / "out") == 0
    assert len(fastdup.delete_components(fastdup.find_top_components(tmp_path / "out"))) == 1
    assert "note:" not in capsys.readouterr().out


def test_frames_of_videos_are_named(tmp_path, capsys):
    pytest.importorskip("av")
    from video_files import numbered, video

    (tmp_path / "data").mkdir()
    video(tmp_path / "data" / "clip.mp4", pictures=[numbered(5)] * 3)
    assert fastdup.run(tmp_path / "data", tmp_path / "out", turi_param="keyframes_only=0") == 0
    assert fastdup.delete_components(fastdup.find_top_components(tmp_path / "out"))
    assert "that the run took from 1 video;" in capsys.readouterr().out
