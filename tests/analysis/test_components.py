"""find_top_components against small runs whose groups are known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import fastdup_gpu as fastdup
from fastdup_gpu.analysis.components import with_pictures

from .made import HOSTILE, picture, work_dir, write_csv

LABELS = {"a": "cat", "b": "cat", "c": "dog", "d": "dog", "e": "dog", "f": ["owl", "big owl"]}


@pytest.fixture
def run(tmp_path):
    """Component 0: a b c; 3: d e; 5: f; larger pictures for later letters."""
    names = [picture(tmp_path / f"{n}.png", i, (20 + i, 20)) for i, n in enumerate("abcdef")]
    return work_dir(tmp_path / "out", dict(zip(names, [0, 0, 0, 3, 3, 5], strict=True)))


def label_of(name):
    return LABELS[Path(name).stem]


def letters(files):
    return "".join(Path(name).stem for name in files)


def test_columns_and_order(run):
    table = fastdup.find_top_components(run)
    assert list(table) == ["component_id", "files", "files_ids", "distance", "len"]
    assert table["component_id"].tolist() == [0, 3]
    assert [letters(files) for files in table["files"]] == ["abc", "de"]
    assert table["files_ids"].tolist() == [[0, 1, 2], [3, 4]]
    assert table["distance"].tolist() == [0.99, 0.99]
    assert table["len"].tolist() == [3, 2]
    assert fastdup.find_top_components(run, descending=False)["component_id"].tolist() == [3, 0]


def test_csv_and_table_as_input(run):
    path = run / "connected_components.csv"
    wanted = fastdup.find_top_components(run)
    pd.testing.assert_frame_equal(fastdup.find_top_components(path), wanted)
    named = pd.read_csv(path).assign(filename=[f"{n}.png" for n in "abcdef"])
    given = fastdup.find_top_components(named)
    assert [letters(files) for files in given["files"]] == ["abc", "de"]


def test_thresholds_and_sizes(run):
    assert fastdup.find_top_components(run, threshold=0.99).empty
    assert len(fastdup.find_top_components(run, threshold=0.98)) == 2
    assert fastdup.find_top_components(run, min_items=3)["component_id"].tolist() == [0]
    assert fastdup.find_top_components(run, max_items=2)["component_id"].tolist() == [3]
    empty = fastdup.find_top_components(run, min_items=9)
    assert list(empty) == ["component_id", "files", "files_ids", "distance", "len"]


def test_components_of_one_size_stand_in_order_of_similarity(tmp_path):
    names = [f"{n}.jpg" for n in "abcdef"]
    found = work_dir(tmp_path / "out", dict(zip(names, [0, 0, 2, 2, 4, 4], strict=True)))
    stored = pd.read_csv(found / "connected_components.csv")
    values = stored["component_id"].map({0: 0.97, 2: 0.99, 4: 0.98})
    stored.assign(mean_distance=values).to_csv(found / "connected_components.csv", index=False)
    assert fastdup.find_top_components(found)["component_id"].tolist() == [2, 4, 0]
    table = fastdup.find_top_components(found, descending=False)
    assert table["component_id"].tolist() == [0, 4, 2]


def test_metric_is_the_mean_over_the_pictures(run):
    table = fastdup.find_top_components(run, metric="blur")
    assert table["component_id"].tolist() == [0, 3]
    assert table["blur"].tolist() == [np.mean([6, 5, 4]), np.mean([3, 2])]
    table = fastdup.find_top_components(run, metric="size")
    assert table["size"].tolist() == [np.mean([23 * 20, 24 * 20]), 21 * 20]


def test_slices_of_labels(run):
    def found(**options):
        return fastdup.find_top_components(run, label_of, **options)["component_id"].tolist()

    assert found(slice="cat") == [0]
    assert found(slice="dog") == [0, 3]
    assert found(slice=["dog", "owl"]) == [0, 3]
    assert found(slice="owl") == []
    assert found(slice="same") == [3]
    assert found(slice="diff") == [0]
    assert found(keyword="ca") == [0]
    assert found(keyword="og", slice="same") == [3]


def test_a_label_of_no_picture_is_an_error(run):
    for options, told in (
        ({"slice": "cow"}, "slice='cow': no image here has this label; labels are 'big owl', "),
        ({"slice": ["cow", "hen"]}, "no image here has this label"),
        ({"slice": "cow", "group_by": "label"}, "no image here has this label"),
        ({"keyword": "cow"}, "keyword='cow': no label of an image here contains it"),
        ({"keyword": 3}, "keyword=3: expected a text"),
        ({"slice": 3}, "slice=3: no image here has this label"),
        ({"slice": 2.5}, "slice=2.5: expected a label, or a list of labels"),
    ):
        with pytest.raises(fastdup.InvalidArgument, match=told):
            fastdup.find_top_components(run, label_of, **options)
    assert fastdup.find_top_components(run, label_of, keyword="owl").empty


def test_any_statistic_is_a_metric(run):
    table = fastdup.find_top_components(run, metric="width")
    assert table["width"].is_monotonic_decreasing
    assert table["width"].notna().all()
    with pytest.raises(fastdup.InvalidArgument, match="metric='filename'"):
        fastdup.find_top_components(run, metric="filename")


def test_numbers_are_labels_to_slice_by(run):
    numbers = [1, 2, 1, 3, 3, 4]
    for wanted in ([3], ["3"], "3", 3, np.int64(3), np.array([3])):
        table = fastdup.find_top_components(run, numbers, slice=wanted)
        assert table["component_id"].tolist() == [3]


def test_components_without_labels_are_neither_of_one_nor_of_several(run):
    def known(name):
        return {"a": "cat", "b": "dog"}.get(Path(name).stem)

    for wanted, found in (("diff", [0]), ("same", [])):
        table = fastdup.find_top_components(run, known, slice=wanted)
        assert table["component_id"].tolist() == found
        assert "label" in table


def test_labels_stand_beside_the_files(run):
    table = fastdup.find_top_components(run, label_of)
    assert table["label"].tolist() == [["cat", "cat", "dog"], ["dog", "dog"]]


def test_group_by_label(run):
    table = fastdup.find_top_components(run, label_of, group_by="label")
    first = ["label", "files", "component_id", "files_ids", "distance", "len"]
    assert list(table) == [*first, "component_distance"]
    table, alone = table[:2], table[2:]
    assert sorted(alone["label"]) == ["big owl", "owl"]
    assert table["component_distance"].tolist() == [[0.99] * 3, [0.99] * 2]
    assert table["label"].tolist() == ["dog", "cat"]
    assert [letters(files) for files in table["files"]] == ["cde", "ab"]
    assert table["component_id"].tolist() == [[0, 3, 3], [0, 0]]
    assert table["files_ids"].tolist() == [[2, 3, 4], [0, 1]]
    assert table["len"].tolist() == [3, 2]
    only = fastdup.find_top_components(run, label_of, group_by="label", keyword="at")
    assert only["label"].tolist() == ["cat"]


def test_pictures_similar_to_no_other_belong_to_their_label(tmp_path):
    names = [picture(tmp_path / f"{n}.png", i) for i, n in enumerate("abcd")]
    found = work_dir(tmp_path / "out", dict(zip(names, [0, 0, 2, 3], strict=True)), distance="l1")
    labels = dict(zip(names, ["cat", "cat", "cat", "owl"], strict=True))
    table = fastdup.find_top_components(found, labels, group_by="label", save_path=tmp_path)
    assert [letters(files) for files in table["files"]] == ["abc", "d"]
    assert table["component_id"].tolist() == [[0, 0, 2], [3]]
    similar = 1 / (1 + 0.99)
    assert table["component_distance"].tolist() == [[similar, similar, 0.0], [0.0]]
    assert table["distance"].tolist() == pytest.approx([similar, 0.0])
    for given in (table, tmp_path):
        gone = fastdup.delete_components_by_label(given, 1, min_distance=-1, how="all")
        assert letters(gone) == "ab"
    assert len(fastdup.find_top_components(found, labels)) == 1


def test_words_of_a_label(run):
    table = fastdup.find_top_components(
        run, lambda _: "two words", group_by="label", split_sentence_to_label_list=True
    )
    assert sorted(table["label"]) == ["two", "words"]


def test_saved_as_csv_with_lists_as_json(run, tmp_path):
    table = fastdup.find_top_components(run, label_of, save_path=tmp_path / "new")
    saved = pd.read_csv(tmp_path / "new" / "top_components.csv")
    assert list(saved) == [*table, "work_dir"]
    assert saved["work_dir"].tolist() == [str(run)] * len(table)
    for column in ("files", "files_ids", "label"):
        assert [json.loads(cell) for cell in saved[column]] == table[column].tolist()
    fastdup.find_top_components(run, save_path=tmp_path / "other.csv")
    assert (tmp_path / "other.csv").is_file()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"group_by": "size"}, "group_by='size'"),
        ({"metric": "len"}, "metric='len'"),
        ({"comp_type": "group"}, "comp_type='group'"),
        ({"group_by": "label"}, "get_label_func"),
        ({"slice": "cat"}, "get_label_func"),
        ({"keyword": "cat"}, "get_label_func"),
        ({"min_similarty": 0.9}, "min_similarity"),
        ({"threshold": "x"}, "threshold='x'"),
        ({"threshold": float("nan")}, "threshold=nan"),
        ({"min_items": "a"}, "min_items='a'"),
        ({"max_items": -1}, "max_items=-1"),
        ({"nrows": -1}, "nrows=-1"),
        ({"min_similarity": "a"}, "min_similarity='a'"),
        ({"get_label_func": 5}, "get_label_func"),
        ({"save_path": 5}, "save_path=5"),
        ({"descending": "no"}, "descending='no'"),
    ],
)
def test_wrong_arguments(run, arguments, named):
    with pytest.raises(fastdup.InvalidArgument, match=named):
        fastdup.find_top_components(run, **arguments)


def test_other_metrics_give_similarities(tmp_path):
    names = [picture(tmp_path / f"{n}.png", i) for i, n in enumerate("ab")]
    found = work_dir(
        tmp_path / "out", dict.fromkeys(names, 0), similarity=3.0, distance="euclidean"
    )
    assert fastdup.find_top_components(found)["distance"].tolist() == [0.25]
    assert fastdup.delete_components(fastdup.find_top_components(found)) == []


def test_older_files_without_mean_distance(run):
    write_csv(
        run / "connected_components.csv",
        "__id,component_id,pagerank,delta",
        [(i, c, 0.1, 0) for i, c in enumerate([0, 0, 0, 3, 3, 5])],
    )
    folder = str(run.parent)
    edges = [("a", "b", 0.98), ("b", "c", 0.96), ("d", "f", 0.5)]
    rows = [(f"{folder}/{a}.png", f"{folder}/{b}.png", s) for a, b, s in edges]
    write_csv(run / "similarity.csv", "from,to,distance", rows)
    table = fastdup.find_top_components(run)
    assert table["distance"][0] == pytest.approx(0.97)
    assert np.isnan(table["distance"][1])
    assert fastdup.delete_components(table[1:]) == []


def test_clusters_of_kmeans(run, tmp_path):
    rows = [
        (0, "a.png", 7, 0.1),
        (0, "a.png", 2, 0.9),
        (1, "b.png", 2, 1.0),
        (2, "c.png", 7, 0.3),
    ]
    write_csv(run / "kmeans_assignments.csv", "index,filename,cluster,distance", rows)
    table = fastdup.find_top_components(run, comp_type="cluster")
    assert table["component_id"].tolist() == [7, 2]
    assert table["files"].tolist() == [["a.png", "c.png"], ["b.png"]]
    assert table["distance"].tolist() == pytest.approx([1 / 1.2, 1 / 2.0])


def angles(*degrees):
    """Features on a circle: the similarity of two is the cosine of their angle."""
    radians = np.deg2rad(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


def test_chain_is_cut_into_groups_of_similar_pictures(tmp_path):
    names = [picture(tmp_path / f"{n}.png", i) for i, n in enumerate("abcdefg")]
    features = angles(0, 5, 10, 15, 20, 90, 93) * 3
    found = work_dir(tmp_path / "out", dict.fromkeys(names, 0) | {names[6]: 1}, features=features)
    limit = float(np.cos(np.deg2rad(10.5)))
    table = fastdup.find_top_components(found, min_similarity=limit)
    assert all(
        features[i] @ features[j] / 9 >= limit
        for ids in table["files_ids"]
        for i in ids
        for j in ids
    )
    assert [letters(files) for files in table["files"]] == ["bcd"]
    assert table["component_id"].tolist() == [0]
    whole = fastdup.find_top_components(found, min_similarity=-1.0)
    assert [letters(files) for files in whole["files"]] == ["abcdef"]
    assert fastdup.find_top_components(found, min_similarity=0.9999).empty


def test_parts_of_a_component_get_numbers_of_their_own(tmp_path):
    names = [picture(tmp_path / f"{n}.png", i) for i, n in enumerate("abcdefgh")]
    groups = dict(zip(names, [0, 0, 0, 0, 0, 0, 1, 1], strict=True))
    found = work_dir(tmp_path / "out", groups, features=angles(0, 1, 20, 21, 50, 51, 90, 90))
    table = fastdup.find_top_components(found, min_similarity=0.999)
    assert {letters(f): c for f, c in zip(table["files"], table["component_id"], strict=True)} == {
        "ab": 0,
        "gh": 1,
        "cd": 2,
        "ef": 3,
    }
    assert letters(fastdup.delete_components(table, [2])) == "d"


def test_parts_have_the_similarity_of_their_own_pairs(tmp_path):
    names = [picture(tmp_path / f"{n}.png", i) for i, n in enumerate("abcdxy")]
    groups = dict(zip(names, [0, 0, 0, 0, 4, 4], strict=True))
    edges = [(names[0], names[1], 0.9987), (names[1], names[0], 0.9989), (names[1], names[2], 0.9)]
    features = angles(0, 3, 20, 21, 90, 91)
    found = work_dir(tmp_path / "out", groups, features=features, edges=edges, similarity=0.95)
    table = fastdup.find_top_components(found, min_similarity=0.99)
    of = {letters(f): d for f, d in zip(table["files"], table["distance"], strict=True)}
    assert of["ab"] == pytest.approx(0.9988)  # as stored
    assert of["cd"] == pytest.approx(np.cos(np.deg2rad(1)))  # no pair is stored
    assert of["xy"] == 0.95  # not cut
    assert len(fastdup.delete_components(table, min_distance=0.96)) == 2


def test_parts_of_another_metric_have_its_similarity(tmp_path):
    names = [picture(tmp_path / f"{n}.png", i) for i, n in enumerate("abcd")]
    edges = [(names[0], names[1], 3.0), (names[1], names[0], 5.0)]
    found = work_dir(
        tmp_path / "out",
        dict.fromkeys(names, 0),
        features=angles(0, 1, 20, 21),
        edges=edges,
        distance="euclidean",
    )
    table = fastdup.find_top_components(found, min_similarity=0.99)
    of = {letters(f): d for f, d in zip(table["files"], table["distance"], strict=True)}
    assert of["ab"] == 0.2
    assert np.isnan(of["cd"])


def test_parts_of_a_cluster_keep_near_its_centre(run):
    rows = [
        (i, f"{n}.png", 7, d) for i, (n, d) in enumerate(zip("abcd", [1, 3, 7, 9], strict=True))
    ]
    write_csv(run / "kmeans_assignments.csv", "index,filename,cluster,distance", rows)
    angles(0, 1, 20, 21, 50, 70).astype("<f4").tofile(run / "atrain_features.dat")
    table = fastdup.find_top_components(run, comp_type="cluster", min_similarity=0.99)
    of = {letters(f): d for f, d in zip(table["files"], table["distance"], strict=True)}
    assert of == {"ab": pytest.approx(1 / 3), "cd": pytest.approx(1 / 9)}


def test_a_table_without_any_label_can_be_grouped_by_label(run):
    table = fastdup.find_top_components(run, lambda _: None)
    assert fastdup.find_top_components(table, group_by="label").empty


def test_a_csv_that_a_spreadsheet_saved(run, tmp_path):
    table = fastdup.find_top_components(run, save_path=tmp_path / "top.csv")
    saved = (tmp_path / "top.csv").read_text("utf-8")
    (tmp_path / "top.csv").write_text(saved, "utf-8-sig")
    pd.testing.assert_frame_equal(fastdup.find_top_components(tmp_path / "top.csv"), table)


def test_its_own_table_as_input(run):
    table = fastdup.find_top_components(run, label_of)
    pd.testing.assert_frame_equal(fastdup.find_top_components(table), table)
    again = fastdup.find_top_components(table, min_items=3, metric="blur")
    assert again["component_id"].tolist() == [0]
    assert again["blur"].tolist() == [5.0]
    bare = table[["component_id", "files", "distance"]]
    assert fastdup.find_top_components(bare)["files_ids"].tolist() == [[0, 1, 2], [3, 4]]
    labels = fastdup.find_top_components(table, group_by="label")
    assert labels["label"].tolist() == ["dog", "cat"]
    whole = fastdup.find_top_components(labels)
    assert {frozenset(ids) for ids in whole["files_ids"]} == {
        frozenset((0, 1, 2)),
        frozenset((3, 4)),
    }


@pytest.mark.parametrize(
    "change",
    [
        {"files": ["a.png", "b.png"]},
        {"files": [[1, 2, 3], [4, 5]]},
        {"files": [["a.png"], ["b.png"]]},
        {"component_id": [float("nan"), 1]},
        {"distance": ["near", "far"]},
    ],
)
def test_tables_that_are_none_of_its_own(run, change):
    table = fastdup.find_top_components(run).assign(**change)
    with pytest.raises(fastdup.InvalidArgument, match="is not a table of find_top_components"):
        fastdup.find_top_components(table)
    with pytest.raises(fastdup.InvalidArgument, match="is not a table of find_top_components"):
        fastdup.delete_components(table)


def test_where_no_csv_can_be_written(run, tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "x.csv"):
        with pytest.raises(fastdup.WorkDirError, match=r"^save_path="):
            fastdup.find_top_components(run, save_path=path)
    (tmp_path / "folder.csv").mkdir()
    fastdup.find_top_components(run, save_path=tmp_path / "folder.csv")
    assert (tmp_path / "folder.csv" / "top_components.csv").is_file()


def test_end_to_end_on_copies(tmp_path):
    from making import photos, run

    originals = photos(tmp_path / "in", 6)
    for copy, original in {"x0": 0, "x1": 0, "x2": 3}.items():
        (tmp_path / "in" / f"{copy}.jpg").write_bytes(originals[original].read_bytes())
    assert run(tmp_path / "in", tmp_path / "out") == 0
    table = fastdup.find_top_components(tmp_path / "out")
    groups = {frozenset(Path(name).stem for name in files) for files in table["files"]}
    assert groups == {frozenset({"0000", "x0", "x1"}), frozenset({"0003", "x2"})}
    gone = fastdup.delete_components(table, dry_run=False)
    assert sorted(Path(name).stem for name in gone) == ["x0", "x1", "x2"]


def test_a_label_keeps_the_pictures_that_are_cut_off(tmp_path):
    names = [picture(tmp_path / f"{n}.png", i) for i, n in enumerate("abcdef")]
    groups = dict(zip(names, [0, 0, 0, 3, 4, 5], strict=True))
    found = work_dir(tmp_path / "out", groups, features=angles(0, 1, 20, 60, 90, 130))
    labels = dict(zip(names, "xxxxyz", strict=True))
    table = fastdup.find_top_components(found, labels, group_by="label", min_similarity=0.99)
    of = {row.label: letters(row.files) for row in table.itertuples()}
    assert of == {"x": "abcd", "y": "e", "z": "f"}
    numbers = table.set_index("label")["component_id"]
    assert len({*numbers["x"], *numbers["y"], *numbers["z"]}) == 5  # a and b are one part


def test_names_of_every_kind_come_back_from_a_saved_table(tmp_path):
    names = [*HOSTILE, "\N{GRINNING FACE}.jpg", "null", "1e5"]
    found = work_dir(tmp_path / "out", dict.fromkeys(names, 0))
    fastdup.find_top_components(found, save_path=tmp_path / "saved.csv")
    again = fastdup.find_top_components(tmp_path / "saved.csv")
    assert again["files"].tolist() == [names]


def test_a_large_component_is_saved_and_read_back(tmp_path):
    """A cell of 300,000 letters; the csv module takes 131,072 unless told otherwise."""
    names = [f"/pictures/{'x' * 80}/{i:06d}.jpg" for i in range(3000)]
    found = work_dir(tmp_path / "out", dict.fromkeys(names, 0), features=np.ones((3000, 1)))
    table = fastdup.find_top_components(found, save_path=tmp_path / "saved.csv")
    again = fastdup.find_top_components(tmp_path / "saved.csv")
    assert again["files"].tolist() == table["files"].tolist() == [names]


def test_pictures_are_chosen_with_all_that_is_listed_of_them():
    table = pd.DataFrame(
        {
            "component_id": [3, 5],
            "files": [["a", "b", "c"], ["d"]],
            "files_ids": [[0, 1, 2], [3]],
            "label": [["x", ["y", "z"], "x"], ["w"]],
            "distance": [0.9, 0.8],
            "len": [3, 1],
        }
    )
    found = with_pictures(table, [[2, 1], [0]])
    assert found["files"].tolist() == [["c", "b"], ["d"]]
    assert found["files_ids"].tolist() == [[2, 1], [3]]
    assert found["label"].tolist() == [["x", ["y", "z"]], ["w"]]
    assert found["len"].tolist() == [2, 1]
    assert found["component_id"].tolist() == [3, 5]
