"""The files of a run, as other programs read them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from making import contents, features, header, photo, photos, rows, run

import fastdup_gpu


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """Good pictures with bad files in between, and their run."""
    root = tmp_path_factory.mktemp("mixed")
    photos(root / "in", 14)
    (root / "in" / "0003b.jpg").write_bytes(b"")
    (root / "in" / "0007b.jpg").write_bytes((root / "in" / "0007.jpg").read_bytes()[:900])
    photo(99, 9, 30).save(root / "in" / "0009b.png")
    (root / "in" / "0005copy.jpg").write_bytes((root / "in" / "0005.jpg").read_bytes())
    assert run(root / "in", root / "out", nearest_neighbors_k=3) == 0
    return root


def test_headers(mixed):
    out = mixed / "out"
    assert header(out / "atrain_features.dat.csv") == "index,filename"
    assert header(out / "atrain_features.bad.csv") == "index,filename,error_code,filesize"
    assert header(out / "atrain_stats.csv") == (
        "index,filename,width,height,unique,blur,mean,min,max,stdv,file_size,contrast"
    )
    assert header(out / "similarity.csv") == "from,to,distance"
    assert header(out / "outliers.csv") == "from,to,distance"
    assert header(out / "connected_components.csv") == (
        "__id,component_id,count,mean_distance,min_distance,max_distance,pagerank"
    )
    assert header(out / "component_info.csv") == "component_id,count,mean,min,max"


def test_advanced_header(tmp_path):
    photos(tmp_path / "in", 2)
    assert run(tmp_path / "in", tmp_path / "out", turi_param="run_advanced_stats=1") == 0
    assert header(tmp_path / "out" / "atrain_stats.csv") == (
        "index,filename,width,height,unique,blur,mean,min,max,stdv,file_size,rms_contrast,"
        "mean_rel_intensity_r,mean_rel_intensity_b,mean_rel_intensity_g,contrast,mean_hue,"
        "mean_saturation,mean_val,edge_density,mean_r,mean_g,mean_b"
    )


def test_bad_files_keep_their_position_and_shift_nobody(mixed):
    out = mixed / "out"
    bad = [
        (r["index"], r["filename"].rsplit("/")[-1], r["error_code"], r["filesize"])
        for r in rows(out / "atrain_features.bad.csv")
    ]
    tiny = str((mixed / "in" / "0009b.png").stat().st_size)
    assert bad == [
        ("4", "0003b.jpg", "ERROR_ZERO_SIZE_FILE", "0"),
        ("10", "0007b.jpg", "ERROR_CORRUPT_IMAGE", "900"),
        ("13", "0009b.png", "ERROR_IMAGE_TOO_SMALL", tiny),
    ]
    names = rows(out / "atrain_features.dat.csv")
    assert [r["index"] for r in names] == [str(i) for i in range(15)]
    assert [r["filename"] for r in rows(out / "atrain_stats.csv")] == [r["filename"] for r in names]
    assert [r["__id"] for r in rows(out / "connected_components.csv")] == [
        r["index"] for r in names
    ]


def test_edges_are_the_nearest_neighbours_of_the_stored_features(mixed):
    out = mixed / "out"
    x = features(out).astype(np.float64)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    names = [r["filename"] for r in rows(out / "atrain_features.dat.csv")]
    similarity = x @ x.T
    np.fill_diagonal(similarity, -2)
    expected = {}
    for i in range(len(names)):
        for j in np.argsort(-similarity[i], kind="stable")[:3]:
            if similarity[i, j] >= 0.9:
                expected[names[i], names[j]] = similarity[i, j]
    found = rows(out / "similarity.csv")
    assert {(r["from"], r["to"]) for r in found} == set(expected)
    for r in found:
        assert float(r["distance"]) == pytest.approx(expected[r["from"], r["to"]], abs=2e-6)
        assert len(r["distance"].split(".")[1]) == 6
    values = [float(r["distance"]) for r in found]
    assert values == sorted(values, reverse=True)


def test_outliers_are_the_tail_of_all_edges(mixed, tmp_path):
    assert run(mixed / "in", tmp_path / "all", threshold=0, lower_threshold=1) == 0
    assert run(mixed / "in", tmp_path / "some", lower_threshold=0.2) == 0
    every = (tmp_path / "all" / "outliers.csv").read_text().splitlines()[1:]
    some = (tmp_path / "some" / "outliers.csv").read_text().splitlines()[1:]
    n = 15 * 2
    assert len(every) == n
    assert some == every[round(0.8 * n) :]


def test_components_hold_what_the_edges_link(mixed):
    out = mixed / "out"
    names = [r["filename"] for r in rows(out / "atrain_features.dat.csv")]
    component = {names[int(r["__id"])]: r for r in rows(out / "connected_components.csv")}
    linked = [r for r in rows(out / "similarity.csv") if float(r["distance"]) >= 0.96]
    assert linked
    for r in linked:
        assert component[r["from"]]["component_id"] == component[r["to"]]["component_id"]
    sizes: dict[str, int] = {}
    for r in component.values():
        sizes[r["component_id"]] = sizes.get(r["component_id"], 0) + 1
    for r in component.values():
        assert int(r["count"]) == (sizes[r["component_id"]] if sizes[r["component_id"]] > 1 else 0)
    info = {r["component_id"]: int(r["count"]) for r in rows(out / "component_info.csv")}
    assert info == {c: n for c, n in sizes.items() if n > 1}
    assert sum(float(r["pagerank"]) for r in component.values()) == pytest.approx(1, abs=1e-6)


def test_config_tells_what_ran(mixed):
    config = json.loads((mixed / "out" / "config.json").read_text())
    assert config["nearest_neighbors_k"] == 3
    assert config["environment"]["backend"] == "cpu"
    assert len(config["model"]["sha256"]) == 64
    assert config["model"]["precision"] in ("int8", "fp16")
    assert config["found"]["valid"] == 15
    assert config["found"]["bad"] == {
        "ERROR_CORRUPT_IMAGE": 1,
        "ERROR_IMAGE_TOO_SMALL": 1,
        "ERROR_ZERO_SIZE_FILE": 1,
    }
    assert {"extract", "neighbors", "components"} <= set(config["found"]["seconds"])


def test_same_input_gives_same_files(mixed, tmp_path):
    for name in ("a", "b"):
        assert run(mixed / "in", tmp_path / name, num_threads=1 if name == "a" else 3) == 0
    a, b = contents(tmp_path / "a"), contents(tmp_path / "b")
    assert a == b


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_pictures(tmp_path, count):
    photos(tmp_path / "in", count)
    assert run(tmp_path / "in", tmp_path / "out", threshold=0) == 0
    assert len(rows(tmp_path / "out" / "similarity.csv")) == count * min(2, count - 1)
    assert len(rows(tmp_path / "out" / "connected_components.csv")) == count


def test_no_picture_is_a_failure_that_says_why(tmp_path, caplog):
    (tmp_path / "in").mkdir()
    assert run(tmp_path / "in", tmp_path / "out") == 1
    assert str(tmp_path / "in") in caplog.text
    (tmp_path / "in" / "a.jpg").write_bytes(b"nothing")
    assert run(tmp_path / "in", tmp_path / "out") == 1
    assert len(rows(tmp_path / "out" / "atrain_features.bad.csv")) == 1
    assert "bad.csv" in caplog.text


def test_work_dir_that_is_a_file(tmp_path, caplog):
    photos(tmp_path / "in", 2)
    (tmp_path / "out").write_text("")
    assert run(tmp_path / "in", tmp_path / "out") == 1
    assert "work_dir" in caplog.text


def test_missing_files_of_a_list_are_listed(tmp_path):
    given = [str(p) for p in photos(tmp_path / "in", 3)]
    given.insert(1, str(tmp_path / "gone.jpg"))
    assert run(given, tmp_path / "out") == 0
    (bad,) = rows(tmp_path / "out" / "atrain_features.bad.csv")
    assert (bad["index"], bad["error_code"], bad["filesize"]) == ("1", "ERROR_MISSING_FILE", "-1")


def test_stats_can_be_left_out(tmp_path):
    photos(tmp_path / "in", 2)
    out = tmp_path / "out"
    assert run(tmp_path / "in", out, turi_param="run_stats=0,run_cc=0") == 0
    assert not (out / "atrain_stats.csv").exists()
    assert not (out / "connected_components.csv").exists()
    assert run(tmp_path / "in", out, turi_param="run_pagerank=0") == 0
    assert header(out / "connected_components.csv").endswith("max_distance")


def test_num_images_offsets_and_small_files(tmp_path):
    paths = photos(tmp_path / "in", 8)
    out = tmp_path / "out"
    assert run(tmp_path / "in", out, num_images=3, min_offset=2) == 0
    assert [r["filename"] for r in rows(out / "atrain_features.dat.csv")] == [
        str(p) for p in paths[2:5]
    ]
    assert run(tmp_path / "in", out, min_offset=5, max_offset=7) == 0
    assert [r["filename"] for r in rows(out / "atrain_features.dat.csv")] == [
        str(p) for p in paths[5:7]
    ]
    smallest = sorted(p.stat().st_size for p in paths)[1]
    assert run(tmp_path / "in", out, turi_param=f"min_file_size={smallest}") == 0
    (bad,) = rows(out / "atrain_features.bad.csv")
    assert bad["error_code"] == "ERROR_FILE_TOO_SMALL"


@pytest.mark.parametrize("how", ["one box", "boxes"])
def test_the_smallest_file_size_is_that_of_pictures_not_of_crops(tmp_path, how):
    paths = photos(tmp_path / "in", 4)
    least = sorted(path.stat().st_size for path in paths)[1]
    given, box = tmp_path / "in", {"bounding_box": "row_y=0,col_x=0,height=20,width=20"}
    if how == "boxes":
        given, box = tmp_path / "boxes.csv", {}
        lines = "".join(f"{path},0,0,20,20\n" for path in paths)
        given.write_text(f"filename,col_x,row_y,width,height\n{lines}")
    out = tmp_path / "out"
    assert run(given, out, turi_param=f"min_file_size={least}", **box) == 0
    (bad,) = rows(out / "atrain_features.bad.csv")
    assert bad["error_code"] == "ERROR_FILE_TOO_SMALL"
    assert len(rows(out / "atrain_features.dat.csv")) == 3
    assert max(int(row["file_size"]) for row in rows(out / "atrain_stats.csv")) < least


def test_pictures_left_out_are_told_of(tmp_path, caplog, capsys):
    photos(tmp_path / "in", 2)
    photo(0, 9, 40).save(tmp_path / "in" / "small.png")
    (tmp_path / "in" / "empty.jpg").touch()
    out = tmp_path / "out"
    assert run(tmp_path / "in", out, test_dir=str(tmp_path / "in")) == 0
    words = "2 of 4 images left out: 1 ERROR_IMAGE_TOO_SMALL, 1 ERROR_ZERO_SIZE_FILE; see "
    told = [r.message for r in caplog.records if "left out" in r.message]
    assert told == [f"{words}{out}/{kind}_features.bad.csv" for kind in ("atrain", "atest")]
    caplog.clear()
    assert run(tmp_path / "in", out, verbose=True) == 0
    assert "1 ERROR_IMAGE_TOO_SMALL" in capsys.readouterr().out
    assert "left out" not in caplog.text


HOSTILE = [
    "with space.jpg",
    "quote'and\"double.jpg",
    "comma,semi;colon.jpg",
    "new\nline.jpg",
    "emoji😀日本.jpg",
    "-leading-dash.jpg",
    "carriage\rreturn.jpg",
    "#hash&percent%20.jpg",
    "$(touch x).jpg",
    "`id`.jpg",
    "nan.jpg",
    "001.jpg",
    b"bytes\xff\xfe.jpg",
]


def test_hostile_names_come_back_as_they_are(tmp_path):
    import os

    folder = tmp_path / "in"
    folder.mkdir()
    names = [os.fsdecode(n) if isinstance(n, bytes) else n for n in HOSTILE]
    for seed, name in enumerate(names):
        photo(seed).save(folder / "tmp.jpg")
        (folder / "tmp.jpg").rename(folder / name)
    out = tmp_path / "out"
    assert run(folder, out, threshold=0) == 0
    expected = sorted(str(folder / n) for n in names)
    for file in ("atrain_features.dat.csv", "atrain_stats.csv"):
        assert sorted(r["filename"] for r in rows(out / file)) == expected
    assert {r["from"] for r in rows(out / "similarity.csv")} == set(expected)
    import fastdup_gpu

    assert sorted(fastdup_gpu.load_binary_feature(str(out / "atrain_features.dat"))[0]) == expected


def test_nothing_of_an_earlier_run_is_left_beside_new_results(tmp_path):
    paths = [str(p) for p in photos(tmp_path / "in", 6)]
    out = tmp_path / "out"
    assert run(paths, out, test_dir=paths[:2]) == 0
    assert run(paths, out) == 0
    assert not (out / "atest_features.dat").exists()
    assert run(paths[:4], out, turi_param="run_stats=0") == 0
    assert not (out / "atrain_stats.csv").exists()
    assert run(paths[:3], out, run_mode=1) == 0
    assert sorted(contents(out)) == [
        "atrain_features.bad.csv",
        "atrain_features.dat",
        "atrain_features.dat.csv",
        "atrain_stats.csv",
    ]
    assert run(paths, out) == 0
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    assert run([str(tmp_path / "bad.jpg")], out) == 1
    assert "similarity.csv" not in contents(out)


def test_a_name_no_file_can_have_is_refused(tmp_path):
    with pytest.raises(fastdup_gpu.InvalidArgument, match="surrogate"):
        run(["\ud800.jpg"], tmp_path / "out")


def test_a_very_long_name_is_listed_as_bad(tmp_path):
    paths = [str(p) for p in photos(tmp_path / "in", 2)]
    assert run([*paths, "x" * 140_000 + ".jpg"], tmp_path / "out") == 0
    (bad,) = rows(tmp_path / "out" / "atrain_features.bad.csv")
    assert len(bad["filename"]) == 140_004
