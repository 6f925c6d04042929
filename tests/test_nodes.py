"""Several machines by hand: each takes a part of the input, run_mode=2 joins what they found."""

from __future__ import annotations

import csv
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
from making import contents, features, photo, photos, rows, run

import fastdup_gpu

NODES = [(0, 7), (7, 22), (22, 0)]
CODE = (
    "import sys, fastdup_gpu; a, b = map(int, sys.argv[3:]); "
    "sys.exit(fastdup_gpu.run(sys.argv[1], sys.argv[2], run_mode=1, num_threads=1, "
    "turi_param='engine=onnxruntime', min_offset=a, max_offset=b))"
)
JOINED = (
    "similarity.csv",
    "outliers.csv",
    "connected_components.csv",
    "atrain_features.dat.csv",
    "atrain_features.bad.csv",
    "atrain_stats.csv",
)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """30 pictures, six of them near copies of others, and one that cannot be read."""
    folder = tmp_path_factory.mktemp("nodes") / "in"
    for path in photos(folder, 24)[:6]:
        photo(int(path.stem)).resize((100, 75)).save(path.with_name(f"{path.stem}s.jpg"))
    (folder / "0009x.jpg").write_bytes(b"no picture")
    return folder


def a_list(pictures: Path, target: Path) -> Path:
    listing = target / "list.txt"
    listing.write_text("".join(f"{p}\n" for p in sorted(pictures.iterdir(), reverse=True)))
    return listing


def boxes(pictures: Path, target: Path, each: int = 1) -> Path:
    """A csv of boxes, the rows of a picture far from each other."""
    table = target / "boxes.csv"
    with table.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["filename", "col_x", "row_y", "width", "height"])
        for turn in range(each):
            for path in sorted(pictures.iterdir()):
                writer.writerow([path, 3 + 20 * turn, 5, 60, 50])
    return table


def tars(suffix: str):
    def made(pictures: Path, target: Path) -> Path:
        """Offsets cut through the middle of archives."""
        (target / "shards").mkdir()
        paths = sorted(pictures.iterdir())
        for shard in range(3):
            name = target / "shards" / f"{shard}.{suffix}"
            with tarfile.open(name, "w:gz" if suffix == "tgz" else "w") as tar:
                for path in paths[11 * shard : 11 * shard + 11]:
                    tar.add(path, f"deep/{path.name}")
        return target / "shards"

    return made


@pytest.mark.parametrize(
    "make",
    [lambda pictures, _: pictures, a_list, boxes, tars("tar"), tars("tgz")],
    ids=["folder", "list", "boxes", "tar", "tgz"],
)
def test_processes_side_by_side_equal_one_run(pictures, tmp_path, make):
    given = make(pictures, tmp_path)
    assert run(given, tmp_path / "one", turi_param="engine=onnxruntime") == 0
    folders = [str(tmp_path / f"node{first}") for first, _ in NODES]
    processes = [
        subprocess.Popen([sys.executable, "-c", CODE, given, folder, str(first), str(last)])
        for folder, (first, last) in zip(folders, NODES, strict=True)
    ]
    assert [process.wait(120) for process in processes] == [0, 0, 0]
    assert run(folders, tmp_path / "joined", run_mode=2) == 0
    cut = ["atrain_crops.csv"] if make is boxes else []
    for name in [*JOINED, *cut]:
        expected = (tmp_path / "one" / name).read_text()
        found = (tmp_path / "joined" / name).read_text()
        for folder in folders:  # crops are written below the work_dir of each node
            found = found.replace(f"{folder}/crops/", f"{tmp_path}/one/crops/")
        assert found == expected, name
    assert (features(tmp_path / "joined") == features(tmp_path / "one")).all()
    assert len(features(tmp_path / "one")) == 30


def test_joining_twice_in_a_folder_of_the_nodes(tmp_path):
    """The second run, as after a kill, does not take the joined features for those of a node."""
    for node, names in enumerate((["a", "b"], ["c"])):
        x = np.eye(2, 5, dtype=np.float32)[: len(names)] + node
        assert fastdup_gpu.save_binary_feature(tmp_path / f"node{node}", names, x) == 0
    for _ in range(2):
        assert run(tmp_path, tmp_path / "joined", run_mode=2) == 0
        assert len(features(tmp_path / "joined")) == 3


def test_features_to_be_joined_are_never_overwritten(tmp_path, caplog):
    for node in range(2):
        x = np.ones((2, 5), np.float32)
        assert fastdup_gpu.save_binary_feature(tmp_path / f"node{node}", ["a", "b"], x) == 0
    folders = [str(tmp_path / f"node{node}") for node in range(2)]
    assert run(folders, tmp_path / "node0", run_mode=2) == 1
    assert "give another work_dir" in caplog.text
    assert len(features(tmp_path / "node0")) == 2


@pytest.mark.parametrize(
    ("second", "told"),
    [
        ({"turi_param": "run_stats=0"}, "b/atrain_features.dat has no atrain_stats.csv beside it"),
        ({"turi_param": "run_advanced_stats=1"}, "b/atrain_stats.csv has other columns than"),
        ({}, "b/atrain_stats.csv does not list the images of b/atrain_features.dat"),
    ],
)
def test_statistics_that_do_not_fit_are_not_joined(tmp_path, monkeypatch, caplog, second, told):
    monkeypatch.chdir(tmp_path)
    photos(Path("in"), 5)
    assert run("in", Path("a"), run_mode=1, max_offset=3) == 0
    assert run("in", Path("b"), run_mode=1, min_offset=3, **second) == 0
    if not second:
        stats = Path("b/atrain_stats.csv")
        stats.write_text("".join(stats.read_text().splitlines(keepends=True)[:-1]))
    assert run(["a", "b"], Path("joined"), run_mode=2) == 0
    assert f"the features were joined without atrain_stats.csv: {told}" in caplog.text
    assert len(features(Path("joined"))) == 5
    assert not Path("joined/atrain_stats.csv").exists()


def test_crops_are_those_of_the_nodes_that_are_joined(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    photos(Path("in"), 4)
    box = "row_y=0,col_x=0,width=50,height=40"
    assert run("in", Path("a"), run_mode=1, bounding_box=box, max_offset=2) == 0
    assert run("in", Path("b"), run_mode=1, min_offset=2) == 0
    assert run(["a", "b"], Path("joined"), run_mode=2) == 0
    listed = Path("joined/atrain_crops.csv")
    assert listed.read_bytes() == Path("a/atrain_crops.csv").read_bytes()
    other = Path("b/atrain_crops.csv")
    other.write_text("index,filename\n1,in/0003.jpg\n")
    assert run(["b", "a"], Path("joined"), run_mode=2) == 0
    told = "joined without atrain_crops.csv: a/atrain_crops.csv has other columns than the first"
    assert told in caplog.text
    assert not listed.exists()
    other.unlink()
    assert run(["a", "b"], Path("joined"), run_mode=2) == 0
    assert len(rows(listed)) == 2
    assert run(["b"], Path("joined"), run_mode=2) == 0
    assert not listed.exists()


def test_only_the_boxes_asked_for_are_cut(pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = boxes(pictures, tmp_path, each=2)
    assert run(table, Path("out"), run_mode=1) == 0
    everything = contents(Path("out/crops"))
    listed = rows(Path("out/atrain_crops.csv"))
    names = [row["filename"] for row in rows(Path("out/atrain_features.dat.csv"))]
    for path in Path("out/crops").iterdir():
        path.unlink()
    assert run(table, Path("out"), run_mode=1, min_offset=20, max_offset=40, num_images=15) == 0
    part = listed[20:35]
    assert rows(Path("out/atrain_crops.csv")) == part
    wanted = {Path(row["crop_filename"]).name for row in part}
    cut = contents(Path("out/crops"))
    assert cut == {name: everything[name] for name in wanted & everything.keys()}
    kept = [row["filename"] for row in rows(Path("out/atrain_features.dat.csv"))]
    assert kept == [name for name in names if Path(name).name in wanted]


def test_one_box_for_all_is_cut_from_the_pictures_asked_for(pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    box = "row_y=0,col_x=0,width=50,height=40"
    assert run(pictures, Path("out"), run_mode=1, bounding_box=box, min_offset=3, max_offset=6) == 0
    assert [path.name[:7] for path in sorted(Path("out/crops").iterdir())] == [
        "0000003",
        "0000004",
        "0000005",
    ]


def test_archives_behind_the_part_are_not_opened(pictures, tmp_path):
    shards = tars("tar")(pictures, tmp_path)
    (shards / "2.tar").write_bytes(b"no archive")
    assert run(shards, tmp_path / "out", run_mode=1, min_offset=9, max_offset=20) == 0
    good, bad = (tmp_path / "out" / f"atrain_features.{what}.csv" for what in ("dat", "bad"))
    assert (len(rows(good)), len(rows(bad))) == (10, 1)
    assert run(shards, tmp_path / "out", run_mode=1, min_offset=30) == 1


def test_a_picture_written_before_the_nodes_were_joined_is_not_taken_away(tmp_path, monkeypatch):
    """What counts is when the nodes read it, and nodes of nodes too."""
    monkeypatch.chdir(tmp_path)
    first = photos(Path("in"), 4)[0]
    Path("in/copy.jpg").write_bytes(first.read_bytes())
    assert run("in", Path("a"), run_mode=1, max_offset=2, turi_param="run_stats=0") == 0
    assert run("in", Path("b"), run_mode=1, min_offset=2, turi_param="run_stats=0") == 0
    time.sleep(0.02)
    Path("in/copy.jpg").write_bytes(Path("in/0002.jpg").read_bytes())
    for nodes, joined in ((["a", "b"], "joined"), (["joined"], "again")):
        time.sleep(0.02)
        assert run(nodes, Path(joined), run_mode=2) == 0
        found = fastdup_gpu.find_top_components(joined)
        assert len(found) == 1
        assert fastdup_gpu.delete_components(found) == []
