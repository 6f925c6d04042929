"""find_top_components against small runs whose groups are known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import fastdup_gpu as fastdup

from .made import picture, work_dir, write_csv

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


def test_labels_stand_beside_the_files(run):
    table = fastdup.find_top_components(run, label_of)
    assert table["label"].tolist() == [["cat", "cat", "dog"], ["dog", "dog"]]


def test_group_by_label(run):
    table = fastdup.find_top_components(run, label_of, group_by="label")
    assert list(table) == ["label", "files", "component_id", "files_ids", "distance", "len"]
    assert table["label"].tolist() == ["dog", "cat"]
    assert [letters(files) for files in table["files"]] == ["cde", "ab"]
    assert table["component_id"].tolist() == [[0, 3, 3], [0, 0]]
    assert table["files_ids"].tolist() == [[2, 3, 4], [0, 1]]
    assert table["len"].tolist() == [3, 2]
    only = fastdup.find_top_components(run, label_of, group_by="label", keyword="at")
    assert only["label"].tolist() == ["cat"]


def test_words_of_a_label(run):
    table = fastdup.find_top_components(
        run, lambda _: "two words", group_by="label", split_sentence_to_label_list=True
    )
    assert sorted(table["label"]) == ["two", "words"]


def test_saved_as_csv_with_lists_as_json(run, tmp_path):
    table = fastdup.find_top_components(run, label_of, save_path=tmp_path / "new")
    saved = pd.read_csv(tmp_path / "new" / "top_components.csv")
    assert list(saved) == list(table)
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
    names = [picture(tmp_path / f"{n}.png", i) for i, n in enumerate("abcde")]
    groups = dict(zip(names, [0, 0, 0, 0, 1], strict=True))
    found = work_dir(tmp_path / "out", groups, features=angles(0, 1, 20, 21, 90))
    table = fastdup.find_top_components(found, min_similarity=0.999)
    assert {letters(f): c for f, c in zip(table["files"], table["component_id"], strict=True)} == {
        "ab": 0,
        "cd": 1,
    }
    assert len(fastdup.delete_components(table, [1])) == 1


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
