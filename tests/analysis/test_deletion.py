"""Deletion of components: what goes, what stays, and that it all can come back."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import fastdup_gpu as fastdup

from .made import HOSTILE, logs, picture, tree, work_dir, write_csv, write_stats


@pytest.fixture
def run(tmp_path):
    """Component 0: a.png (small), b.png (large), c.png (small); 3: d.png, e.png; 5: alone.png."""
    data = tmp_path / "data"
    sizes = {"a": (20, 16), "b": (40, 30), "c": (20, 16), "d": (20, 16), "e": (20, 16)}
    names = [picture(data / f"{n}.png", i, size) for i, (n, size) in enumerate(sizes.items())]
    names.append(picture(data / "alone.png", 9))
    return work_dir(tmp_path / "out", dict(zip(names, [0, 0, 0, 3, 3, 5], strict=True)))


def short(names):
    return [Path(name).stem for name in names]


def set_sharpness(work_dir, values):
    stats = pd.read_csv(work_dir / "atrain_stats.csv")
    stats.assign(blur=values).to_csv(work_dir / "atrain_stats.csv", index=False)


def a_tick():
    """Let the file system's clock go on: it counts in steps of some milliseconds."""
    time.sleep(0.02)


def test_dry_run_prints_and_changes_nothing(run, tmp_path, capsys):
    before = tree(tmp_path)
    gone = fastdup.delete_components(fastdup.find_top_components(run))
    assert sorted(short(gone)) == ["a", "c", "e"]
    assert tree(tmp_path) == before
    assert not logs(tmp_path)
    assert not (tmp_path / "data" / ".fastdup-trash").exists()
    out = capsys.readouterr().out
    assert all(f"would move to the trash: {name!r}\n" in out for name in gone)


def test_largest_stays_and_the_rest_comes_back(run, tmp_path):
    before = tree(tmp_path)
    gone = fastdup.delete_components(fastdup.find_top_components(run), dry_run=False)
    assert sorted(short(gone)) == ["a", "c", "e"]
    assert sorted(tree(tmp_path / "data")) == ["alone.png", "b.png", "d.png"]
    (log,) = logs(tmp_path)
    assert log.parent.parent == tmp_path / "data" / ".fastdup-trash"
    assert sorted(fastdup.undo_deletion(log)) == sorted(gone)
    assert tree(tmp_path) == before


def test_bytes_then_name_decide_between_equal_pictures(tmp_path):
    names = [picture(tmp_path / "d" / n, 1) for n in ("z.png", "m.png", "k.png")]
    with Path(names[0]).open("ab") as stream:
        stream.write(b"more bytes")
    found = work_dir(tmp_path / "out", dict.fromkeys(names, 0))
    assert short(fastdup.delete_components(fastdup.find_top_components(found))) == ["m", "k"]
    names = [picture(tmp_path / "d" / n, 1) for n in ("z.png", "m.png", "k.png")]
    found = work_dir(tmp_path / "out", dict.fromkeys(names, 0))
    set_sharpness(found, 5.0)
    assert short(fastdup.delete_components(fastdup.find_top_components(found))) == ["z", "m"]


def test_how_all_keeps_nothing(run):
    gone = fastdup.delete_components(fastdup.find_top_components(run), how="all")
    assert sorted(short(gone)) == ["a", "b", "c", "d", "e"]


def test_to_delete_and_min_distance(run):
    table = fastdup.find_top_components(run)
    assert short(fastdup.delete_components(table, [3])) == ["e"]
    assert fastdup.delete_components(table, []) == []
    assert fastdup.delete_components(table, min_distance=0.99) == []
    assert len(fastdup.delete_components(table, min_distance=0.98)) == 3
    assert len(fastdup.delete_components(table[table["distance"] > 0.9])) == 3
    with pytest.raises(fastdup.InvalidArgument, match="component 5"):
        fastdup.delete_components(table, np.array([5]))


def test_rows_of_the_table_keep_the_run_in_mind(run, tmp_path):
    (tmp_path / "data" / "e.png").write_bytes(b"changed")
    table = fastdup.find_top_components(run)
    assert "e" not in short(fastdup.delete_components(table[table["len"] == 2]))


def test_changed_missing_and_odd_files_stay(tmp_path, caplog, capsys):
    data = tmp_path / "data"
    kinds = ["best", "changed", "gone", "folder", "broken_link", "same"]
    names = [picture(data / f"{n}.png", i) for i, n in enumerate(kinds)]
    with Path(names[0]).open("ab") as stream:
        stream.write(b"best: most bytes")
    found = work_dir(tmp_path / "out", dict.fromkeys(names, 0))
    picture(data / "changed.png", 77, (30, 30))
    for name in ("gone", "folder", "broken_link"):
        (data / f"{name}.png").unlink()
    (data / "folder.png").mkdir()
    (data / "broken_link.png").symlink_to("nowhere")
    table = fastdup.find_top_components(found)
    assert short(fastdup.delete_components(table, dry_run=True)) == ["same"]
    out = capsys.readouterr().out
    for name, why in {
        "changed": "changed since the run",
        "gone": "no such file",
        "folder": "not a regular file",
        "broken_link": "broken link",
    }.items():
        assert any(f"{name}.png" in line and why in line for line in out.splitlines()), name
    assert short(fastdup.delete_components(table, dry_run=False)) == ["same"]
    assert "changed.png" in caplog.text
    assert (data / "changed.png").exists()


def test_missing_best_does_not_take_the_rest_along(tmp_path):
    names = [picture(tmp_path / f"{n}.png", 0, (20 + i, 20)) for i, n in enumerate("abc")]
    found = work_dir(tmp_path / "out", dict.fromkeys(names, 0))
    Path(names[2]).unlink()
    assert short(fastdup.delete_components(fastdup.find_top_components(found))) == ["a"]
    Path(names[1]).write_bytes(b"another picture now")
    assert fastdup.delete_components(fastdup.find_top_components(found)) == []


def test_without_statistics_the_time_of_the_run_counts(tmp_path):
    names = [picture(tmp_path / f"{n}.png", 0) for n in "abc"]
    found = work_dir(tmp_path / "out", dict.fromkeys(names, 0))
    (found / "atrain_stats.csv").unlink()
    a_tick()
    Path(names[0]).write_bytes(Path(names[0]).read_bytes())
    table = fastdup.find_top_components(found)
    assert short(fastdup.delete_components(table)) == ["c"]


def test_without_statistics_the_picture_of_most_pixels_then_bytes_stays(tmp_path):
    sizes = {"wide": (60, 10), "large": (40, 30), "more": (40, 30), "high": (10, 70)}
    names = [picture(tmp_path / f"{n}.png", 0, size) for n, size in sizes.items()]
    with Path(names[2]).open("ab") as stream:
        stream.write(b"more bytes")
    found = work_dir(tmp_path / "out", dict.fromkeys(names, 0))
    (found / "atrain_stats.csv").unlink()
    gone = fastdup.delete_components(fastdup.find_top_components(found))
    assert short(gone) == ["wide", "large", "high"]


def test_another_picture_of_as_many_bytes_is_not_kept_for_the_others(tmp_path):
    """Bitmaps of one size have files of one size."""
    names = [str(tmp_path / f"{n}.bmp") for n in "abc"]
    for name in names:
        Image.new("RGB", (24, 16), "red").save(name)
    found = work_dir(tmp_path / "out", dict.fromkeys(names, 0))
    a_tick()
    Image.new("RGB", (24, 16), "blue").save(names[0])
    assert Path(names[0]).stat().st_size == Path(names[1]).stat().st_size
    table = fastdup.find_top_components(found)
    assert short(fastdup.delete_components(table, dry_run=False)) == ["c"]
    assert Path(names[0]).exists() and Path(names[1]).exists()


@pytest.mark.parametrize("which", ["picture", "picture of test_dir"])
def test_another_picture_with_an_old_time_is_a_change(tmp_path, which):
    """Such as a smaller one put in its place by a program that keeps times."""
    names = [picture(tmp_path / "data" / f"{n}.png", 0) for n in "ab"]
    found = work_dir(tmp_path / "out", dict.fromkeys(names, 0))
    if which == "picture of test_dir":
        write_csv(found / "atest_features.dat.csv", "index,filename", [(0, names[1])])
        write_stats(found, names[1:])
        (found / "atrain_stats.csv").rename(found / "atest_stats.csv")
        write_stats(found, names[:1])
    picture(Path(names[1]), 0, (10, 10))
    os.utime(names[1], (0, 0))
    table = fastdup.find_top_components(found)
    assert fastdup.delete_components(table, dry_run=False) == []
    assert Path(names[1]).exists()


def test_what_came_back_may_go_again(run, tmp_path):
    table = fastdup.find_top_components(run)
    gone = fastdup.delete_components(table, dry_run=False)
    a_tick()
    assert len(fastdup.undo_deletion(logs(tmp_path)[0])) == len(gone) == 3
    assert fastdup.delete_components(table, dry_run=False) == gone


def test_a_picture_that_changed_while_others_were_compared_stays(run, tmp_path):
    (run / "atrain_stats.csv").unlink()
    a_tick()
    picture(tmp_path / "data" / "e.png", 7, (20, 16))
    a_tick()
    (run / "config.json").write_text('{"distance": "cosine"}')
    gone = fastdup.delete_components(fastdup.find_top_components(run), keep="first")
    assert sorted(short(gone)) == ["b", "c"]


def test_a_clock_that_runs_ahead_is_no_change(tmp_path):
    names = [picture(tmp_path / f"{n}.png", 0) for n in "ab"]
    ahead = time.time() + 1e8
    os.utime(names[0], (ahead, ahead))
    a_tick()
    found = work_dir(tmp_path / "out", dict.fromkeys(names, 0))
    assert short(fastdup.delete_components(fastdup.find_top_components(found))) == ["b"]


def test_the_sharpest_of_equal_pictures_stays(tmp_path):
    names = [picture(tmp_path / f"{n}.bmp", 0) for n in "abc"]
    found = work_dir(tmp_path / "out", dict.fromkeys(names, 0))
    set_sharpness(found, [10.0, 30.0, 20.0])
    table = fastdup.find_top_components(found)
    assert sorted(short(fastdup.delete_components(table))) == ["a", "c"]


def test_hostile_names(tmp_path):
    data = tmp_path / "data"
    names = [picture(data / n, 0) for n in HOSTILE] + [picture(data / "kept.png", 1, (90, 90))]
    found = work_dir(tmp_path / "out", dict.fromkeys(names, 0))
    before = tree(tmp_path)
    gone = fastdup.delete_components(fastdup.find_top_components(found), dry_run=False)
    assert gone == names[:-1]
    assert list(tree(data)) == ["kept.png"]
    fastdup.undo_deletion(logs(tmp_path)[0])
    assert tree(tmp_path) == before


def test_same_names_in_different_folders(tmp_path):
    names = [picture(tmp_path / "data" / d / "x.png", i) for i, d in enumerate(("p", "q", "r/s"))]
    names.append(picture(tmp_path / "data" / "big.png", 5, (80, 80)))
    found = work_dir(tmp_path / "out", dict.fromkeys(names, 0))
    before = tree(tmp_path)
    assert len(fastdup.delete_components(fastdup.find_top_components(found), dry_run=False)) == 3
    assert list(tree(tmp_path / "data")) == ["big.png"]
    fastdup.undo_deletion(logs(tmp_path)[0])
    assert tree(tmp_path) == before


def test_relative_names_mean_files_below_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = [picture(Path("data") / f"{n}.png", 0) for n in "ab"]
    found = work_dir(Path("out"), dict.fromkeys(names, 0))
    gone = fastdup.delete_components(fastdup.find_top_components(found), dry_run=False)
    assert gone == ["data/b.png"]
    assert sorted(path.name for path in Path("data").iterdir()) == [".fastdup-trash", "a.png"]


def test_file_seen_under_two_names_is_not_its_own_duplicate(tmp_path):
    picture(tmp_path / "real" / "a.png", 0)
    (tmp_path / "alias").symlink_to("real")
    names = [str(tmp_path / d / "a.png") for d in ("alias", "real")]
    found = work_dir(tmp_path / "out", dict.fromkeys(names, 0))
    assert fastdup.delete_components(fastdup.find_top_components(found), dry_run=False) == []
    assert (tmp_path / "real" / "a.png").exists()
    assert fastdup.delete_components(fastdup.find_top_components(found), how="all") == names[:1]


def test_file_kept_in_one_component_does_not_go_under_another_name_in_another(tmp_path):
    picture(tmp_path / "real" / "a.png", 0)
    (tmp_path / "alias").symlink_to("real")
    names = [str(tmp_path / "alias" / "a.png"), picture(tmp_path / "b.png", 1)]
    names += [picture(tmp_path / "c.png", 2, (90, 90)), str(tmp_path / "real" / "a.png")]
    names += [picture(tmp_path / f"{n}.png", 3, (90, 90)) for n in "de"]
    found = work_dir(tmp_path / "out", dict(zip(names, [0, 0, 1, 1, 2, 2], strict=True)))
    set_sharpness(found, 5.0)
    gone = fastdup.delete_components(fastdup.find_top_components(found), dry_run=False)
    assert sorted(short(gone)) == ["b", "e"]
    assert (tmp_path / "real" / "a.png").exists()


def test_picture_without_duplicates_stays_whatever_is_asked(run):
    """A table grouped by label lists such pictures as well."""
    table = fastdup.find_top_components(run, lambda _: "cat", group_by="label")
    assert sum(table["len"]) == 6
    gone = fastdup.delete_components(table, min_distance=-1, how="all")
    assert sorted(short(gone)) == ["a", "b", "c", "d", "e"]


def test_target_of_a_link_that_is_kept_stays(tmp_path):
    real = picture(tmp_path / "0_dog.png", 0)
    (tmp_path / "1_cat.png").symlink_to("0_dog.png")
    names = [real, str(tmp_path / "1_cat.png"), picture(tmp_path / "2_cat.png", 2, (9, 9))]
    found = work_dir(tmp_path / "out", dict.fromkeys(names, 0))
    table = fastdup.find_top_components(found, lambda name: Path(name).stem[2:])
    gone = fastdup.delete_components_by_label(table, 3, how="majority", dry_run=False)
    assert short(gone) == ["2_cat"]
    assert (tmp_path / "1_cat.png").exists()


def test_link_goes_and_its_target_stays(tmp_path):
    real = picture(tmp_path / "real.png", 0)
    (tmp_path / "a_link.png").symlink_to("real.png")
    names = [str(tmp_path / "a_link.png"), real]
    found = work_dir(tmp_path / "out", dict.fromkeys(names, 0))
    set_sharpness(found, 5.0)
    assert short(fastdup.delete_components(fastdup.find_top_components(found), dry_run=False)) == [
        "a_link"
    ]
    assert Path(real).is_file()
    assert not os.path.lexists(tmp_path / "a_link.png")


def test_members_of_archives_stay(tmp_path, capsys):
    (tmp_path / "shard.tar").write_bytes(b"a tar")
    names = [str(tmp_path / "shard.tar" / n) for n in ("1.jpg", "2.jpg")]
    found = work_dir(tmp_path / "out", dict.fromkeys(names, 0))
    assert fastdup.delete_components(fastdup.find_top_components(found)) == []
    assert capsys.readouterr().out.count("inside an archive") == 2


def test_remote_names_stay(tmp_path, capsys):
    names = ["s3://bucket/a.jpg", "s3://bucket/b.jpg"]
    found = work_dir(tmp_path / "out", dict.fromkeys(names, 0))
    assert fastdup.delete_components(fastdup.find_top_components(found)) == []
    assert "not on this machine" in capsys.readouterr().out


def test_wrong_arguments(run, tmp_path):
    table = fastdup.find_top_components(run)
    with pytest.raises(fastdup.InvalidArgument, match="how='some'"):
        fastdup.delete_components(table, how="some")
    with pytest.raises(fastdup.InvalidArgument, match="min_distance=5"):
        fastdup.delete_components(table, min_distance=5)
    with pytest.raises(fastdup.InvalidArgument, match="find_top_components"):
        fastdup.delete_components(pd.DataFrame({"a": [1]}))
    with pytest.raises(fastdup.InvalidArgument, match="get_label_func"):
        fastdup.delete_components_by_label(table, how="majority")


def labelled(tmp_path, labels):
    """One component with a label for each picture; the later ones are larger."""
    names = [
        picture(tmp_path / "d" / f"{i}_{x}.png", i, (20 + i, 20)) for i, x in enumerate(labels)
    ]
    found = work_dir(tmp_path / "out", dict.fromkeys(names, 0))
    return fastdup.find_top_components(found, get_label_func=lambda p: Path(p).stem[2:])


def test_majority_keeps_the_best_of_the_dominant_label(tmp_path):
    table = labelled(tmp_path, ["cat", "cat", "cat", "dog", "dog"])
    options = {"min_items": 5, "how": "majority"}
    gone = fastdup.delete_components_by_label(table, **options)
    assert short(gone) == ["0_cat", "1_cat", "3_dog", "4_dog"]
    assert short(fastdup.delete_components_by_label(table, 5)) == [
        "0_cat",
        "1_cat",
        "2_cat",
        "3_dog",
    ]
    assert len(fastdup.delete_components_by_label(table, 5, how="all")) == 5
    assert fastdup.delete_components_by_label(table, 6, how="all") == []
    assert fastdup.delete_components_by_label(table) == []


def test_labels_stay_with_their_pictures_where_one_is_lost(tmp_path):
    table = labelled(tmp_path, ["dog", "cat", "cat", "cat", "dog"])
    (tmp_path / "d" / "0_dog.png").unlink()
    gone = fastdup.delete_components_by_label(table, 5, how="majority")
    assert short(gone) == ["1_cat", "2_cat", "4_dog"]


def test_majority_keeps_the_best_where_no_picture_has_a_label(tmp_path):
    names = [picture(tmp_path / f"{i}.png", i, (20 + i, 20)) for i in range(5)]
    found = work_dir(tmp_path / "out", dict(zip(names, [0, 0, 0, 3, 3], strict=True)))
    table = fastdup.find_top_components(found, dict.fromkeys(names[3:], "cat"))
    gone = fastdup.delete_components_by_label(table, 2, how="majority")
    assert short(gone) == ["0", "1", "3"]


def test_tie_of_labels_keeps_the_best_of_those(tmp_path):
    table = labelled(tmp_path, ["cat", "dog", "cat", "dog", "owl"])
    gone = fastdup.delete_components_by_label(table, 5, how="majority")
    assert "3_dog" not in short(gone)
    assert len(gone) == 4


def test_table_grouped_by_label_is_taken_apart_by_component(tmp_path):
    names = [picture(tmp_path / f"{n}.png", i) for i, n in enumerate("abcd")]
    found = work_dir(tmp_path / "out", dict(zip(names, [0, 0, 2, 2], strict=True)))
    table = fastdup.find_top_components(found, lambda _: "cat", group_by="label")
    assert len(table) == 1
    assert short(fastdup.delete_components(table)) == ["b", "d"]
    assert short(fastdup.delete_components_by_label(table, 2)) == ["b", "d"]


def test_components_of_a_label_are_judged_each_by_its_own_similarity(tmp_path):
    names = [picture(tmp_path / "data" / f"{n}.png", i) for i, n in enumerate("abcd")]
    found = work_dir(tmp_path / "out", dict(zip(names, [0, 0, 2, 2], strict=True)))
    stored = (found / "connected_components.csv").read_text().splitlines()
    stored[3:] = [line.replace("0.99", "0.95") for line in stored[3:]]
    (found / "connected_components.csv").write_text("\n".join(stored) + "\n")
    options = {"get_label_func": lambda _: "cat", "group_by": "label"}
    table = fastdup.find_top_components(found, **options, save_path=tmp_path)
    assert table["distance"].tolist() == pytest.approx([0.97])
    assert short(fastdup.delete_components(table, min_distance=0.96)) == ["b"]
    for given in (table, tmp_path):
        assert short(fastdup.delete_components_by_label(given, 2, min_distance=0.96)) == ["b"]
    with pytest.raises(fastdup.InvalidArgument, match="component_distance"):
        fastdup.delete_components(table.drop(columns="component_distance"))


def test_file_that_changed_before_the_table_was_saved(tmp_path):
    table = labelled(tmp_path, ["cat", "cat", "cat"])
    picture(tmp_path / "d" / "0_cat.png", 55, (70, 70))
    fastdup.find_top_components(table.attrs["work_dir"], save_path=tmp_path / "saved.csv")
    assert short(fastdup.delete_components(table)) == ["1_cat"]
    assert short(fastdup.delete_components_by_label(tmp_path / "saved.csv", 3)) == ["1_cat"]


def test_csv_of_several_runs(tmp_path):
    row = (1, '["a.jpg", "b.jpg"]', 0.99)
    write_csv(
        tmp_path / "x.csv", "component_id,files,distance,work_dir", [(*row, "p"), (*row, "q")]
    )
    with pytest.raises(fastdup.FormatError, match="several runs"):
        fastdup.delete_components_by_label(tmp_path / "x.csv")


def test_saved_table_works_like_the_table(tmp_path):
    table = labelled(tmp_path, ["cat", "cat", "dog"])
    found = Path(table.attrs["work_dir"])
    fastdup.find_top_components(
        found, get_label_func=lambda p: Path(p).stem[2:], save_path=tmp_path / "saved"
    )
    for path in (tmp_path / "saved", tmp_path / "saved" / "top_components.csv"):
        gone = fastdup.delete_components_by_label(path, 3, how="majority")
        assert short(gone) == ["0_cat", "2_dog"]
    for group_by in ("visual", "label"):
        by_pandas = tmp_path / f"{group_by}.csv"
        fastdup.find_top_components(
            found, get_label_func=lambda p: Path(p).stem[2:], group_by=group_by
        ).to_csv(by_pandas)
        gone = fastdup.delete_components_by_label(by_pandas, 3, how="majority")
        assert short(gone) == ["0_cat", "2_dog"]
    a_tick()
    picture(tmp_path / "d" / "0_cat.png", 55)
    assert "0_cat" not in short(fastdup.delete_components_by_label(path, 3, how="all"))


def test_saved_table_of_a_run_that_is_gone_tells_what_changed_since(tmp_path):
    table = labelled(tmp_path, ["cat", "cat", "cat"])
    found = Path(table.attrs["work_dir"])
    fastdup.find_top_components(found, save_path=tmp_path / "saved")
    found.rename(tmp_path / "moved")
    assert short(fastdup.delete_components_by_label(tmp_path / "saved", 3)) == ["0_cat", "1_cat"]
    a_tick()
    picture(tmp_path / "d" / "0_cat.png", 55)
    assert short(fastdup.delete_components_by_label(tmp_path / "saved", 3)) == ["1_cat"]


def test_csv_that_is_no_table(tmp_path):
    write_csv(tmp_path / "x.csv", "component_id,files,distance", [(1, "a.jpg", 0.9)])
    with pytest.raises(fastdup.FormatError, match="is not a table of"):
        fastdup.delete_components_by_label(tmp_path / "x.csv")


def test_statistics_of_other_shape_do_not_stop_deletion(run):
    write_stats(run, [])
    assert len(fastdup.delete_components(fastdup.find_top_components(run))) == 3


def locked(monkeypatch, *folders):
    """Folders that may not be written to, for root as well, who runs some of these tests."""
    real = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: Path(path).name not in folders and real(path, mode)
    )


@pytest.fixture
def two_folders(tmp_path):
    """Two pictures of one component in data/a, two in data/b; the largest is in data/a."""
    places = ("a/big.png", "a/1.png", "b/2.png", "b/3.png")
    sizes = [(90, 90), (20, 20), (20, 20), (20, 20)]
    names = [picture(tmp_path / "data" / p, i, sizes[i]) for i, p in enumerate(places)]
    return work_dir(tmp_path / "out", dict.fromkeys(names, 0))


def test_files_of_a_folder_that_may_not_be_written_to_stay(
    two_folders, tmp_path, monkeypatch, capsys, caplog
):
    locked(monkeypatch, "data", "a")
    table = fastdup.find_top_components(two_folders)
    before = tree(tmp_path)
    assert short(fastdup.delete_components(table)) == ["2", "3"]
    assert "1.png' (its folder is not writable)" in capsys.readouterr().out
    assert short(fastdup.delete_components(table, dry_run=False)) == ["2", "3"]
    assert "1.png" in caplog.text
    (log,) = logs(tmp_path)
    assert log.parent.parent.parent == tmp_path / "data" / "b"
    fastdup.undo_deletion(log)
    assert tree(tmp_path) == before


def test_each_folder_has_its_trash_where_the_one_above_may_not_be_written_to(
    two_folders, tmp_path, monkeypatch
):
    locked(monkeypatch, "data")
    table = fastdup.find_top_components(two_folders)
    before = tree(tmp_path)
    assert short(fastdup.delete_components(table, dry_run=False)) == ["1", "2", "3"]
    assert not (tmp_path / "data" / ".fastdup-trash").exists()
    (log,) = logs(tmp_path)
    assert len(fastdup.undo_deletion(log)) == 3
    assert tree(tmp_path) == before


def test_nothing_goes_where_no_folder_may_be_written_to(two_folders, tmp_path, monkeypatch):
    locked(monkeypatch, "data", "a", "b")
    before = tree(tmp_path)
    table = fastdup.find_top_components(two_folders)
    assert fastdup.delete_components(table, dry_run=False) == []
    assert tree(tmp_path) == before


def test_disk_that_takes_no_trash(two_folders, tmp_path, caplog):
    """What a system says of a folder is not always so: the attempt counts."""
    (tmp_path / "data" / ".fastdup-trash").touch()
    before = tree(tmp_path)
    table = fastdup.find_top_components(two_folders)
    assert fastdup.delete_components(table, dry_run=False) == []
    assert "no trash folder can be created beside it" in caplog.text
    assert tree(tmp_path) == before


@pytest.mark.parametrize("given", [5, ["x"], [2.5], "12", [None]])
def test_what_names_no_component(run, given):
    with pytest.raises(fastdup.InvalidArgument, match="to_delete"):
        fastdup.delete_components(fastdup.find_top_components(run), given)


@pytest.mark.parametrize("given", ["x", None, float("nan")])
def test_what_is_no_similarity(run, given):
    table = fastdup.find_top_components(run)
    for delete in (fastdup.delete_components, fastdup.delete_components_by_label):
        with pytest.raises(fastdup.InvalidArgument, match="min_distance="):
            delete(table, min_distance=given)
    with pytest.raises(fastdup.InvalidArgument, match="min_items="):
        fastdup.delete_components_by_label(table, min_items=given)


def test_links_are_followed_anew_each_time(tmp_path):
    """Where a folder leads to may change between two calls."""
    for place in ("one/a.png", "one/b.png", "two/a.png", "two/b.png"):
        picture(tmp_path / place, 0)
    (tmp_path / "here").symlink_to("one")
    names = [str(tmp_path / "here" / n) for n in ("a.png", "b.png")]
    table = fastdup.find_top_components(work_dir(tmp_path / "out", dict.fromkeys(names, 0)))
    assert short(fastdup.delete_components(table)) == ["b"]
    (tmp_path / "here").unlink()
    (tmp_path / "here").symlink_to("two")
    assert short(fastdup.delete_components(table, dry_run=False)) == ["b"]
    assert (tmp_path / "one" / "b.png").exists()
    assert not (tmp_path / "two" / "b.png").exists()


@pytest.mark.parametrize("odd", [None, "False", "", 2, [], float("nan")])
def test_only_a_plain_no_ends_the_dry_run(run, tmp_path, odd):
    before = tree(tmp_path)
    table = fastdup.find_top_components(run)
    stats = run / "atrain_stats.csv"
    for act in (
        lambda: fastdup.delete_components(table, dry_run=odd),
        lambda: fastdup.delete_components_by_label(table, dry_run=odd),
        lambda: fastdup.delete_or_retag_stats_outliers(
            stats, "size", lower_percentile=0.5, dry_run=odd
        ),
    ):
        with pytest.raises(fastdup.InvalidArgument, match="dry_run"):
            act()
    assert tree(tmp_path) == before
    assert len(fastdup.delete_components(table, dry_run=np.False_)) == 3


def test_components_left_out_are_told(run, capsys):
    table = fastdup.find_top_components(run).assign(distance=[0.97, 0.9])
    assert len(fastdup.delete_components(table, to_delete=[0, 3])) == 2
    assert "1 component left out: mean similarity not above" in capsys.readouterr().out
    fastdup.delete_components_by_label(table, min_items=3)
    assert "1 component left out: fewer than min_items=3 files" in capsys.readouterr().out


def test_a_table_whose_files_were_edited_alone(run):
    table = fastdup.find_top_components(run)
    table["files"] = [files[:2] for files in table["files"]]
    with pytest.raises(fastdup.InvalidArgument, match="has 2 entries in files but 3 in files_ids"):
        fastdup.delete_components(table)
    assert len(fastdup.delete_components(table.drop(columns="files_ids"))) == 2


def test_a_file_that_may_not_be_read_is_no_obstacle(run, monkeypatch):
    def forbidden(_: object) -> None:
        raise PermissionError

    (run / "atrain_stats.csv").unlink()
    monkeypatch.setattr("fastdup_gpu.analysis.keeping.read_header", forbidden)
    assert len(fastdup.delete_components(fastdup.find_top_components(run))) == 3


def test_which_picture_stays_can_be_chosen(tmp_path):
    names = [
        picture(tmp_path / n, 0, (20 + i, 20)) for i, n in enumerate(["b.png", "a.png", "c.png"])
    ]
    for name, age in zip(names, (2, 3, 1), strict=True):
        os.utime(name, (1_000_000 - age, 1_000_000 - age))
    table = fastdup.find_top_components(work_dir(tmp_path / "out", dict.fromkeys(names, 0)))

    def stays(**options):
        (kept,) = {"a", "b", "c"} - set(short(fastdup.delete_components(table, **options)))
        return kept

    assert stays() == "c"
    assert [stays(keep=k) for k in ("best", "oldest", "newest", "first")] == ["c", "a", "c", "a"]
    with pytest.raises(fastdup.InvalidArgument, match=r"keep='largest'.*'oldest'"):
        fastdup.delete_components(table, keep="largest")


def test_protected_folders_lose_nothing(run, tmp_path):
    safe = tmp_path / "data" / "safe"
    safe.mkdir()
    kept = [picture(safe / f"{n}.png", 0) for n in ("a", "b")]
    near = [picture(tmp_path / "data" / f"{n}.png", 0) for n in ("safe", "safer")]
    large = picture(tmp_path / "data" / "large.png", 0, (90, 90))
    found = work_dir(tmp_path / "out", dict.fromkeys([*kept, *near, large], 0))
    table = fastdup.find_top_components(found)
    (tmp_path / "way").symlink_to(safe)
    for how in ("one", "all"):
        gone = fastdup.delete_components(table, how=how, protect=tmp_path / "way")
        assert sorted(gone) == sorted([*near, large])
    for everything in ([safe, tmp_path / "data"], "/"):
        assert fastdup.delete_components(table, how="all", protect=everything) == []


def test_folders_to_protect_that_are_none_are_refused(run, tmp_path):
    table = fastdup.find_top_components(run)
    for wrong in (tmp_path / "none", [tmp_path / "data" / "a.png"], 7, [7]):
        with pytest.raises(fastdup.InvalidArgument, match="protect="):
            fastdup.delete_components(table, protect=wrong)


def test_dry_run_tells_what_stays_beside_what_goes(run, capsys):
    fastdup.delete_components(fastdup.find_top_components(run))
    lines = capsys.readouterr().out.splitlines()
    shown = [(line.split(":")[0][:5], Path(line[:-1]).stem) for line in lines[:-1]]
    assert shown == [("stays", "b"), ("would", "a"), ("would", "c"), ("stays", "d"), ("would", "e")]
