"""Which stored features run_mode 2 and 4 mean, and that none are lost or taken by mistake."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from making import contents, features, photo, photos, rows, run

import fastdup_gpu


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def save(folder: str, count: int, d: int = 8) -> Path:
    """`count` different features, named after their folder."""
    x = np.random.default_rng(count).normal(size=(count, d))
    names = [f"{folder} {i}" for i in range(count)]
    assert fastdup_gpu.save_binary_feature(folder, names, x) == 0
    return Path(folder) / "atrain_features.dat"


def named(folder: str) -> list[str]:
    return [row["filename"] for row in rows(Path(folder) / "atrain_features.dat.csv")]


def sources(folder: str) -> set[str]:
    """Whose pictures similarity.csv compares."""
    return {row["from"].rsplit(" ", 1)[0] for row in rows(Path(folder) / "similarity.csv")}


def test_two_steps_over_pictures_beside_old_results(here, caplog):
    photos(Path("data"), 5)
    photos(Path("else"), 3, first=9)
    assert run("else", Path("data/old")) == 0
    assert run("data", Path("new"), run_mode=1) == 0
    extracted = contents(Path("new"))
    assert run("data", Path("new"), run_mode=2) == 0
    assert "features in new, not the 1 other(s) below input_dir='data'" in caplog.text
    assert {name: contents(Path("new"))[name] for name in extracted} == extracted
    assert run(["data"], Path("new"), run_mode=2) == 0
    assert len(features(Path("new"))) == 5


def test_a_picture_that_changed_before_its_node_was_joined_is_not_deleted(here):
    """Bitmaps of one size have files of one size."""
    Path("data").mkdir()
    for name in "abc":
        photo(0).save(f"data/{name}.bmp")
    assert run("data", Path("node"), run_mode=1) == 0
    time.sleep(0.02)  # the file system's clock counts in steps of some milliseconds
    photo(1).save("data/c.bmp")
    assert run(["node"], Path("joined"), run_mode=2) == 0
    table = fastdup_gpu.find_top_components("joined")
    assert table["len"].tolist() == [3]
    assert fastdup_gpu.delete_components(table, dry_run=False) == ["data/b.bmp"]


@pytest.mark.parametrize("given", ["b", "b/atrain_features.dat", ["b"], "list.txt"])
def test_features_of_a_folder_are_never_overwritten_by_others(here, caplog, given):
    save("a", 4)
    save("b", 3)
    Path("list.txt").write_text("b/atrain_features.dat.csv\n")
    assert run("", Path("a"), run_mode=2) == 0
    before = contents(Path("a"))
    assert run(given, Path("a"), run_mode=2) == 1
    assert "would overwrite; give another work_dir" in caplog.text
    assert contents(Path("a")) == before


def test_the_same_features_may_be_named_again(here):
    save("a", 4)
    shutil.copytree("a", "b")
    assert run("a", Path("b"), run_mode=2) == 0
    assert len(features(Path("b"))) == 4


@pytest.mark.parametrize("work_dir", ["nodes", "nodes/joined", "out"])
def test_new_nodes_of_a_folder_are_joined(here, work_dir):
    save("nodes/n0", 4)
    save("nodes/n1", 5)
    for expected in (9, 9, 12, 13):
        if expected == 12:
            save("nodes/n2", 3)
        if expected == 13:
            save("nodes/n1", 6)
        assert run("nodes", Path(work_dir), run_mode=2) == 0
        assert len(named(work_dir)) == expected
        assert len(features(Path(work_dir))) == expected


def test_what_was_joined_is_no_node(here):
    """Its rows would count twice."""
    save("nodes/n0", 4)
    save("nodes/n1", 5)
    for folder in ("nodes/joined", "nodes/again", "out"):
        assert run("nodes", Path(folder), run_mode=2) == 0
        assert len(named(folder)) == 9
    shutil.rmtree("nodes/n0")  # what was joined is all that is left of it
    assert run("nodes", Path("last"), run_mode=2) == 0
    assert "n0 0" in [name.removeprefix("nodes/") for name in named("last")]


def test_nodes_that_did_not_change_are_not_joined_again(here):
    paths = [str(save("n0", 4)), str(save("n1", 5))]
    assert run(paths, Path("out"), run_mode=2) == 0
    before = Path("out/atrain_features.dat").stat().st_mtime_ns
    assert run(paths, Path("out"), run_mode=2, resume=1) == 0
    assert Path("out/atrain_features.dat").stat().st_mtime_ns == before
    assert run(paths[::-1], Path("out"), run_mode=2) == 0
    assert named("out")[0] == "n1 0"


def test_extraction_after_joining_makes_features_of_its_own(here):
    save("nodes/n0", 4, d=576)
    assert run("nodes", Path("nodes"), run_mode=2) == 0
    photos(Path("pics"), 3)
    assert run("pics", Path("nodes"), run_mode=1) == 0
    assert run("nodes", Path("nodes"), run_mode=2) == 0
    assert named("nodes") == [f"pics/{i:04d}.jpg" for i in range(3)]


@pytest.mark.parametrize(
    "entries",
    [
        ["n0/atrain_features.dat.csv", "typo/atrain_features.dat.csv"],
        ["typo/atrain_features.dat"],
        ["n0", "typo"],
        ["typo", "n0/atrain_features.dat"],
    ],
)
def test_each_entry_of_a_list_must_have_features(here, caplog, entries):
    save("n0", 4)
    assert run(entries, Path("n0"), run_mode=2) == 1
    assert run(entries, Path("out"), run_mode=2) == 1
    assert "typo" in caplog.text
    assert not Path("out").exists()


def test_what_is_no_path_in_a_list(here):
    with pytest.raises(fastdup_gpu.InvalidArgument, match=r"input_dir\[1\]=5 is of type int"):
        run(["a.jpg", 5], Path("out"), run_mode=2)
    assert not Path("out").exists()


def test_joined_features_have_no_test_features_beside_them(here):
    entries = [str(save("n0", 4)), str(save("n1", 5))]
    with pytest.raises(fastdup_gpu.InvalidArgument, match="join them without test_dir"):
        run(entries, Path("out"), test_dir="n1", run_mode=2)
    assert not Path("out").exists()


def test_a_list_of_pictures_is_that_of_the_first_step(here):
    given = [str(path) for path in photos(Path("in"), 4)]
    assert run(given, Path("out"), run_mode=1) == 0
    assert run(given, Path("out"), run_mode=2) == 0
    assert named("out") == given


def test_a_features_file_named_as_work_dir(here, caplog):
    dat = save("n0", 4)
    shutil.copy(dat, "mine.dat")
    shutil.copy(f"{dat}.csv", "mine.dat.csv")
    save("n1", 3)
    assert run("n1", Path("mine.dat"), run_mode=2) == 0  # input_dir is ignored
    assert named(".") == [f"n0 {i}" for i in range(4)]
    for name in ("mine.dat", "mine.dat.csv"):
        shutil.copy(name, Path("n1") / name)
    assert run("", Path("n1/mine.dat"), run_mode=2) == 1
    assert "would overwrite" in caplog.text
    assert len(named("n1")) == 3
    assert run("", Path("typo/typo.dat"), run_mode=2) == 1
    assert "typo/typo.dat does not exist" in caplog.text
    assert not Path("typo").exists()


def base() -> None:
    save("out", 6)
    assert run("", Path("out"), run_mode=2) == 0


@pytest.mark.parametrize("argument", ["test_dir", "input_dir"])
@pytest.mark.parametrize("given", ["none", "pics", ["pics"], ["none/atrain_features.dat"]])
def test_mode_4_needs_the_features_it_was_given(here, caplog, argument, given):
    base()
    photos(Path("pics"), 1)
    before = contents(Path("out"))
    arguments = {"input_dir": "", argument: given}
    assert fastdup_gpu.run(work_dir="out", run_mode=4, **arguments) == 1
    assert argument in caplog.text
    assert contents(Path("out")) == before


@pytest.mark.parametrize(
    ("given", "compared"),
    [
        ("t0", {"t0"}),
        ("t0/atrain_features.dat", {"t0"}),
        (["t0", "t1/atrain_features.dat.csv"], {"t0", "t1"}),
        ("t", {"t0", "t1"}),
        ("", {"out"}),
        ("out", {"out"}),
    ],
)
def test_mode_4_compares_what_it_was_given(here, given, compared):
    base()
    for name in ("t0", "t1"):
        save(name, 3)
        shutil.copytree(name, f"t/{name}")
    assert run("", Path("out"), test_dir=given, run_mode=4, threshold=0) == 0
    assert sources("out") == compared
    alone = all(r["from"] != r["to"] for r in rows(Path("out/similarity.csv")))
    assert alone


def test_mode_4_names_the_rows_of_several_files_and_sees_that_they_changed(here):
    base()
    x = features(Path("out"))
    wanted: dict[str, str] = {}
    for turn in ((0, 1), (4, 5)):
        for folder, chosen in (("t0", turn), ("t1", (2, 3, 4))):
            names = [f"{folder} {i}" for i in range(len(chosen))]
            assert fastdup_gpu.save_binary_feature(folder, names, x[list(chosen)]) == 0
            wanted |= {name: f"out {row}" for name, row in zip(names, chosen, strict=True)}
        given = {"input_dir": ["t0", "t1"], "run_mode": 4, "threshold": 0.9999, "resume": 1}
        assert fastdup_gpu.run(work_dir="out", **given) == 0
        assert {r["from"]: r["to"] for r in rows(Path("out/similarity.csv"))} == wanted


def test_mode_4_takes_test_dir_before_input_dir_and_never_the_base_itself(here):
    base()
    save("t0", 3)
    save("t1", 4)
    assert run("t1", Path("out"), test_dir="t0", run_mode=4, threshold=0) == 0
    assert sources("out") == {"t0"}
    assert run(here, Path("out"), run_mode=4, threshold=0) == 0
    assert sources("out") == {"t0", "t1"}


def test_mode_4_refuses_features_of_another_length(here, caplog):
    base()
    save("t", 3, d=9)
    assert run("", Path("out"), test_dir="t", run_mode=4) == 1
    assert "the features in t/atrain_features.dat have length 9" in caplog.text
    assert "out/atrain_features.dat" in caplog.text
