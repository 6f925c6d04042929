"""A detector with offsets, run modes, test_dir, archives and threads."""

import os
import tarfile
from pathlib import Path

import pytest
from detected import COLUMNS, found, four, settings
from making import contents, features, header, rows, run
from onnx_detectors import RED, picture

import fastdup_gpu
from fastdup_gpu.stages import detect as detect_module


def test_numbers_of_pictures_count_pictures(here, model):
    four(12)
    run("in", Path("out"), **settings(model), num_images=6)
    assert {r["filename"] for r in rows(Path("out/atrain_crops.csv"))} == {
        f"in/{i:03d}.png" for i in (0, 1, 3, 4, 5)
    }
    run("in", Path("out"), **settings(model), min_offset=5, max_offset=9)
    assert {r["filename"] for r in rows(Path("out/atrain_crops.csv"))} == {
        f"in/{i:03d}.png" for i in (5, 7, 8)
    }
    assert found()["searched"] == 4


def test_pictures_of_too_few_bytes_are_not_searched(here, model):
    four(8)
    small = sorted(Path("in").iterdir(), key=lambda path: path.stat().st_size)[0]
    least = small.stat().st_size + 1
    few = {str(p) for p in Path("in").iterdir() if p.stat().st_size < least}
    for resume in (0, 1):
        wanted = settings(model, f"min_file_size={least}")
        assert run("in", Path("out"), resume=resume, **wanted) == 0
        bad = rows(Path("out/atrain_features.bad.csv"))
        assert {r["error_code"] for r in bad} == {"ERROR_FILE_TOO_SMALL"}
        sources = {r["crop_filename"]: r["filename"] for r in rows(Path("out/atrain_crops.csv"))}
        assert {sources[r["filename"]] for r in bad} == few
        good = rows(Path("out/atrain_stats.csv"))
        assert {sources[r["filename"]] for r in good}.isdisjoint(few)
        assert good
    assert run("in", Path("out"), resume=1, **settings(model)) == 0
    assert not rows(Path("out/atrain_features.bad.csv"))


def test_nodes_joined_equal_one_run(here, model):
    four(16)
    run("in", Path("one"), **settings(model))
    for node, (first, last) in enumerate([(0, 5), (5, 16)]):
        arguments = settings(model) | {"min_offset": first, "max_offset": last}
        assert run("in", Path(f"node{node}"), run_mode=1, **arguments) == 0
    assert run(["node0", "node1"], Path("joined"), run_mode=2) == 0
    assert (features(Path("joined")) == features(Path("one"))).all()


def test_mode_1_then_2_equals_0(here, model):
    four()
    run("in", Path("out"), **settings(model))
    whole = contents(Path("out"))
    for path in Path("out").iterdir():
        if path.is_file():
            path.unlink()
    assert run("in", Path("out"), run_mode=1, **settings(model)) == 0
    assert run("", Path("out"), run_mode=2, bounding_box="face") == 0
    assert contents(Path("out")) == whole


def test_test_dir_is_searched_too(here, model):
    four(8)
    Path("new").mkdir()
    picture(300, 200, [(22, 30, 40, 50, RED)]).save("new/n.png")
    picture(300, 200, []).save("new/o.png")
    assert run("in", Path("out"), test_dir="new", threshold=0.5, **settings(model)) == 0
    assert [r["filename"] for r in rows(Path("out/atest_crops.csv"))] == ["new/n.png"]
    assert Path("out/crops/atest/0000000_n.jpg").is_file()
    assert {r["from"] for r in rows(Path("out/similarity.csv"))} == {
        "out/crops/atest/0000000_n.jpg"
    }
    assert (found()["searched"], found()["without_detection"]) == (10, 3)
    assert run("in", Path("out"), run_mode=3, test_dir="new", threshold=0.5, **settings(model)) == 0


@pytest.mark.parametrize("suffix", ["tar", "tgz"])
def test_run_on_webdataset(here, model, suffix):
    four(8)
    with tarfile.open(f"shard.{suffix}", "w:gz" if suffix == "tgz" else "w") as tar:
        for path in sorted(Path("in").iterdir()):
            tar.add(path, path.name)
    arguments = settings(model)
    assert fastdup_gpu.run_on_webdataset(f"shard.{suffix}", "out", **arguments) == 0
    table = rows(Path("out/atrain_crops.csv"))
    assert [r["filename"].removeprefix(f"shard.{suffix}/") for r in table] == [
        f"{i:03d}.png" for i in (0, 1, 1, 3, 4, 5, 5, 7)
    ]
    assert Path("out/similarity.csv").exists()
    run("in", Path("files"), **arguments)
    assert (features(Path("files")) == features(Path("out"))).all()


def test_any_number_of_threads_gives_the_same_files(here, model):
    four(24)
    for threads in (1, 7):
        Path(f"out{threads}").mkdir()
        os.chdir(f"out{threads}")
        arguments = settings(model) | {"num_threads": threads}
        assert run(str(here / "in"), Path("o"), **arguments) == 0
        os.chdir(here)
    assert contents(here / "out1/o") == contents(here / "out7/o")
    crops = [sorted((here / f"out{n}/o/crops").iterdir()) for n in (1, 7)]
    assert [p.read_bytes() for p in crops[0]] == [p.read_bytes() for p in crops[1]]


def test_each_picture_is_decoded_once(here, model, monkeypatch):
    four(8)
    decoded = []
    real = detect_module.upright
    monkeypatch.setattr(detect_module, "upright", lambda d: decoded.append(d) or real(d))
    run("in", Path("out"), run_mode=1, **settings(model))
    assert len(decoded) == 8


def test_galleries_and_a_second_run_read_the_csv(here, model):
    four(8)
    run("in", Path("out"), **settings(model))
    assert run("out/atrain_crops.csv", Path("again"), run_mode=1) == 0
    ours, theirs = (
        [(r["filename"], r["col_x"], r["row_y"], r["width"], r["height"]) for r in rows(path)]
        for path in (Path("out/atrain_crops.csv"), Path("again/atrain_crops.csv"))
    )
    assert ours == theirs
    assert header(Path("again/atrain_crops.csv")) == COLUMNS.removesuffix(",score")
    assert (features(Path("again")) == features(Path("out"))).all()
    drawn = fastdup_gpu.create_outliers_gallery(
        "out", "page", get_bounding_box_func="out", num_images=2
    )
    assert drawn == 0
