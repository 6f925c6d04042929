"""Pictures with odd statistics: which are found, and what is done with them."""

from __future__ import annotations

import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import pandas as pd
import pytest

import fastdup_gpu as fastdup

from .made import HOSTILE, logs, picture, tree, work_dir, write_csv

COUNT = 20


@pytest.fixture
def run(tmp_path):
    """20 pictures in two folders; `mean` is their number, `blur` counts down."""
    names = [picture(tmp_path / "data" / str(i % 2) / f"{i:02d}.png", i) for i in range(COUNT)]
    return work_dir(tmp_path / "out", {name: i for i, name in enumerate(names)})


def numbers(names):
    return [int(Path(name).stem) for name in names]


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"lower_threshold": 3}, [0, 1, 2]),
        ({"upper_threshold": 17}, [18, 19]),
        ({"lower_threshold": 1, "upper_threshold": 18}, [0, 19]),
        ({"lower_percentile": 0.1}, [0, 1]),
        ({"upper_percentile": 0.9}, [18, 19]),
        ({"lower_percentile": 0.05, "upper_percentile": 0.95}, [0, 19]),
        ({"lower_percentile": 0.1, "upper_threshold": 18}, [0, 1, 19]),
        ({"lower_percentile": 0.0, "upper_percentile": 1.0}, []),
    ],
)
def test_bounds(run, bounds, expected):
    assert numbers(fastdup.delete_or_retag_stats_outliers(run, "mean", **bounds)) == expected


def test_never_more_than_the_share_asked_for_where_values_are_equal(tmp_path):
    table = pd.DataFrame({"filename": [str(i) for i in range(9)], "v": [1] * 6 + [2, 2, 2]})
    for i in range(9):
        picture(tmp_path / str(i), i)
    table["filename"] = [str(tmp_path / name) for name in table["filename"]]
    assert fastdup.delete_or_retag_stats_outliers(table, "v", lower_percentile=0.05) == []


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({}, "no bound was given"),
        ({"lower_percentile": 0.1, "lower_threshold": 1}, "lower_percentile=0.1"),
        ({"upper_percentile": 95}, "upper_percentile=95"),
        ({"lower_threshold": 1, "how": "retag"}, "retag=labelImg"),
        ({"lower_threshold": 1, "how": "move"}, "save_path"),
        ({"lower_threshold": 1, "how": "retag=cvat"}, "save_path"),
        ({"lower_threshold": 1, "filename_col": "from"}, "filename_col='from'"),
        ({"lower_threshold": 1, "filename_col": None}, "filename_col=None"),
        ({"lower_threshold": 1, "label_col": "label"}, "label_col='label'"),
        ({"lower_threshold": 200, "upper_threshold": 10}, "200, is above the upper bound, 10"),
        ({"lower_percentile": 0.9, "upper_percentile": 0.1}, "is above the upper bound"),
        ({"lower_percentile": 0.9, "upper_threshold": 2}, "is above the upper bound"),
        ({"lower_threshold": float("nan")}, "lower_threshold=nan"),
        ({"upper_threshold": "x"}, "upper_threshold='x'"),
        ({"lower_percentile": "x"}, "lower_percentile='x'"),
        ({"lower_threshold": 1, "how": "move", "save_path": 5}, "save_path=5"),
        ({"lower_threshold": 1, "work_dir": 5}, "work_dir=5"),
    ],
)
def test_wrong_arguments(run, arguments, named):
    with pytest.raises(fastdup.InvalidArgument, match=named):
        fastdup.delete_or_retag_stats_outliers(run, "mean", **arguments)


def test_unknown_metric_lists_the_known_ones(run):
    for metric in ("sharpness", None, ["blur"], "index", "filename"):
        with pytest.raises(fastdup.InvalidArgument, match="'blur'"):
            fastdup.delete_or_retag_stats_outliers(run, metric, lower_threshold=1)


@pytest.mark.parametrize("cells", [["a", "b"], [[1], [2]], [1.0, "many"]])
def test_metric_that_holds_no_numbers(cells):
    table = pd.DataFrame({"filename": ["1.jpg", "2.jpg"], "x": pd.Series(cells, dtype=object)})
    with pytest.raises(fastdup.InvalidArgument, match="metric='x': the column contains"):
        fastdup.delete_or_retag_stats_outliers(table, "x", lower_threshold=1)


@pytest.mark.parametrize("cell", [float("nan"), 5, ["1.jpg"], None])
def test_what_is_no_file_name(cell):
    table = pd.DataFrame({"filename": pd.Series([cell, "2.jpg"], dtype=object), "x": [0.0, 2.0]})
    with pytest.raises(fastdup.InvalidArgument, match="filename_col='filename' contains"):
        fastdup.delete_or_retag_stats_outliers(table, "x", lower_threshold=1)
    assert fastdup.delete_or_retag_stats_outliers(table, "x", upper_threshold=2) == []


def test_area_is_a_metric(run, tmp_path):
    picture(tmp_path / "data" / "0" / "00.png", 0, (200, 100))
    again = work_dir(tmp_path / "out2", {str(p): 0 for p in (tmp_path / "data").rglob("*.png")})
    found = fastdup.delete_or_retag_stats_outliers(again, "size", upper_threshold=19_999)
    assert numbers(found) == [0]


def test_dry_run_changes_nothing(run, tmp_path, capsys):
    before = tree(tmp_path)
    for how in ("delete", "move", "retag=labelImg", "retag=cvat"):
        found = fastdup.delete_or_retag_stats_outliers(
            run, "mean", lower_threshold=2, how=how, save_path=tmp_path / "new"
        )
        assert numbers(found) == [0, 1]
    assert tree(tmp_path) == before
    assert not (tmp_path / "new").exists()
    assert capsys.readouterr().out.count("00.png") == 4


def test_delete_and_undo(run, tmp_path):
    before = tree(tmp_path)
    fastdup.delete_or_retag_stats_outliers(run, "mean", lower_threshold=4, dry_run=False)
    assert len(tree(tmp_path / "data")) == COUNT - 4
    fastdup.undo_deletion(logs(tmp_path)[0])
    assert tree(tmp_path) == before


def test_move_keeps_sub_folders_and_overwrites_nothing(run, tmp_path):
    picture(tmp_path / "moved" / "1" / "01.png", 99)
    mine = (tmp_path / "moved" / "1" / "01.png").read_bytes()
    before = tree(tmp_path)
    gone = fastdup.delete_or_retag_stats_outliers(
        run, "mean", lower_threshold=3, dry_run=False, how="move", save_path=tmp_path / "moved"
    )
    assert numbers(gone) == [0, 2]
    assert (tmp_path / "moved" / "0" / "00.png").exists()
    assert (tmp_path / "moved" / "1" / "01.png").read_bytes() == mine
    fastdup.undo_deletion(logs(tmp_path / "moved")[0])
    assert {k: v for k, v in tree(tmp_path).items() if not k.endswith("undo.jsonl")} == before


def test_files_moved_to_a_relative_folder_come_back_from_anywhere(run, tmp_path, monkeypatch):
    before = tree(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    fastdup.delete_or_retag_stats_outliers(
        run, "mean", lower_threshold=3, dry_run=False, how="move", save_path="moved"
    )
    monkeypatch.chdir("/")
    assert len(fastdup.undo_deletion(logs(tmp_path / "moved")[0])) == 3
    assert tree(tmp_path / "data") == before


def test_scores_of_a_table_with_other_columns(run, tmp_path):
    files = sorted(str(p) for p in (tmp_path / "data").rglob("*.png"))
    table = pd.DataFrame({"from": files, "score": [100.0] * 18 + [50.0, float("nan")]})
    found = fastdup.delete_or_retag_stats_outliers(
        table, metric="score", filename_col="from", lower_threshold=51, dry_run=True, work_dir=run
    )
    assert found == [files[18]]


def test_work_dir_tells_files_of_a_table_that_changed(run, tmp_path):
    changed = picture(tmp_path / "data" / "0" / "00.png", 5, (50, 50))
    table = pd.DataFrame({"filename": [changed], "x": [1.0]})
    options = {"metric": "x", "lower_threshold": 2}
    assert fastdup.delete_or_retag_stats_outliers(table, **options) == [changed]
    assert fastdup.delete_or_retag_stats_outliers(table, **options, work_dir=run) == []


def test_scores_of_a_gallery_know_the_run(run, tmp_path):
    files = sorted(str(p) for p in (tmp_path / "data" / "0").glob("*.png"))
    write_csv(run / "similarity.csv", "from,to,distance", [(files[0], files[1], 0.9)])
    table = fastdup.create_similarity_gallery(
        run, tmp_path / "page", get_label_func=lambda name: Path(name).name, min_items=1
    )
    options = {"metric": "score", "filename_col": "from", "lower_threshold": 51}
    assert fastdup.delete_or_retag_stats_outliers(table, **options) == files[:1]
    picture(Path(files[0]), 5, (50, 50))
    assert fastdup.delete_or_retag_stats_outliers(table, **options) == []


def test_move_to_a_folder_that_cannot_be_written_to(run, tmp_path):
    (tmp_path / "file").touch()
    before = tree(tmp_path)
    with pytest.raises(fastdup.WorkDirError, match=r"^save_path="):
        fastdup.delete_or_retag_stats_outliers(
            run, "mean", lower_threshold=3, dry_run=False, how="move", save_path=tmp_path / "file"
        )
    assert tree(tmp_path) == before


def test_reformatted_names_point_to_the_files_touched(run, tmp_path):
    here = tmp_path / "here"
    (tmp_path / "data").rename(here)
    gone = fastdup.delete_or_retag_stats_outliers(
        run,
        "mean",
        lower_threshold=2,
        dry_run=False,
        get_reformat_filename_func=lambda name: name.replace("/data/", "/here/"),
    )
    assert gone == [str(here / "0" / "00.png"), str(here / "1" / "01.png")]
    assert len(tree(here)) == COUNT - 2


@pytest.mark.parametrize("how", ["delete", "move", "retag=labelImg"])
def test_dry_run_names_the_files_that_would_be_touched(run, tmp_path, capsys, how):
    (tmp_path / "data").rename(tmp_path / "here")
    (tmp_path / "here" / "0" / "02.png").unlink()
    options = {"lower_threshold": 3, "how": how, "save_path": tmp_path / "new"}
    found = fastdup.delete_or_retag_stats_outliers(
        run, "mean", **options, get_reformat_filename_func=lambda n: n.replace("/data/", "/here/")
    )
    printed = capsys.readouterr().out
    assert str(tmp_path / "here" / "0" / "00.png") in found
    assert all(f"{name!r}\n" in printed for name in found)
    assert "/data/" not in printed
    if how != "retag=labelImg":
        assert f"alone: {str(tmp_path / 'here' / '0' / '02.png')!r}" in printed


def test_failing_function_names_the_file(run):
    with pytest.raises(fastdup.InvalidArgument, match=r"00\.png.*ZeroDivisionError"):
        fastdup.delete_or_retag_stats_outliers(
            run, "mean", lower_threshold=1, get_reformat_filename_func=lambda _: 1 // 0
        )


def test_retag_writes_files_for_the_tools_and_leaves_pictures(run, tmp_path):
    before = tree(tmp_path / "data")
    files = sorted(before)
    table = pd.DataFrame(
        {
            "filename": [str(tmp_path / "data" / name) for name in files],
            "x": range(COUNT),
            "label": ["cat"] * COUNT,
        }
    )
    options = {"metric": "x", "lower_threshold": 2, "label_col": "label", "dry_run": False}
    for how in ("retag=labelImg", "retag=cvat"):
        done = fastdup.delete_or_retag_stats_outliers(
            table, **options, how=how, save_path=tmp_path / "tags"
        )
        assert done == list(table["filename"][:2])
    names = [ET.parse(p).findtext("object/name") for p in (tmp_path / "tags").rglob("*.xml")]
    assert names == ["cat", "cat"]
    assert zipfile.is_zipfile(tmp_path / "tags" / "fastdup_label.zip")
    assert tree(tmp_path / "data") == before


def test_hostile_names(tmp_path):
    names = [picture(tmp_path / "data" / name, i) for i, name in enumerate(HOSTILE)]
    found = work_dir(tmp_path / "out", dict.fromkeys(names, 0))
    gone = fastdup.delete_or_retag_stats_outliers(
        found, "mean", upper_threshold=-1, dry_run=False, how="move", save_path=tmp_path / "there"
    )
    assert gone == names
    assert sorted(set(tree(tmp_path / "there"))) == sorted(
        [*HOSTILE, *(log.name for log in logs(tmp_path / "there"))]
    )
