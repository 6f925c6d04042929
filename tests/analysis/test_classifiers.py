"""Labels predicted from neighbours and clusters."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import fastdup_gpu as fastdup

from .made import work_dir, write_csv

LABELS = {"a": "cat", "b": "cat", "c": "dog", "d": "dog", "e": None}
EDGES = [("a", "b", 0.99), ("a", "c", 0.95), ("a", "d", 0.91), ("b", "a", 0.99), ("c", "a", 0.95)]


@pytest.fixture
def run(tmp_path):
    return work_dir(tmp_path / "out", dict.fromkeys("abcde", 0), edges=EDGES)


def test_knn_votes_by_the_k_nearest(run):
    table = fastdup.create_knn_classifier(run, 1, LABELS)
    assert list(table) == ["prediction", "label", "filename"]
    assert table["filename"].tolist() == list("abcde")
    assert table["prediction"].tolist() == ["cat", "cat", "cat", None, None]
    assert table["label"].tolist() == ["cat", "cat", "dog", "dog", None]
    assert fastdup.create_knn_classifier(run, 3, LABELS)["prediction"][0] == "dog"


def test_knn_threshold(run):
    table = fastdup.create_knn_classifier(run, 3, LABELS, threshold=0.96)
    assert table["prediction"].tolist() == ["cat", "cat", None, None, None]


def test_knn_from_a_csv_or_a_table(run):
    by_csv = fastdup.create_knn_classifier(run / "similarity.csv", 2, LABELS)
    pd.testing.assert_frame_equal(by_csv, fastdup.create_knn_classifier(run, 2, LABELS))
    table = fastdup.create_knn_classifier(pd.read_csv(run / "similarity.csv"), 1, LABELS)
    assert table["filename"].tolist() == ["a", "b", "c"]
    assert table["prediction"].tolist() == ["cat", "cat", "cat"]


def test_knn_with_distances_instead_of_similarities(tmp_path):
    edges = [("a", "b", 0.1), ("a", "c", 5.0)]
    found = work_dir(tmp_path / "o", dict.fromkeys("abc", 0), edges=edges, distance="euclidean")
    assert fastdup.create_knn_classifier(found, 1, LABELS)["prediction"][0] == "cat"


def test_several_labels_vote_each(run):
    labels = {"a": "x", "b": ["cat", "pet"], "c": "pet", "d": "pet", "e": None}
    assert fastdup.create_knn_classifier(run, 9, labels)["prediction"][0] == "pet"


def test_neighbours_are_counted_and_not_their_labels():
    edges = pd.DataFrame({"from": ["q"] * 3, "to": ["a", "b", "c"], "distance": [0.99, 0.98, 0.97]})
    labels = {"a": ["x", "y"], "b": ["z"], "c": ["z"], "q": "?"}
    assert fastdup.create_knn_classifier(edges, 3, labels)["prediction"][0] == "z"
    assert fastdup.create_knn_classifier(edges, 1, labels)["prediction"][0] == "x"


def numbered(run, tmp_path):
    """A csv with the labels of the run, without names."""
    path = tmp_path / "labels.csv"
    rows = [(i, LABELS[name] or "") for i, name in enumerate("abcde")]
    write_csv(path, "index,label", rows)
    return path


def test_labels_without_names_need_the_run_of_a_table(run, tmp_path):
    csv = numbered(run, tmp_path)
    wanted = fastdup.create_knn_classifier(run, 3, LABELS)
    pd.testing.assert_frame_equal(fastdup.create_knn_classifier(run, 3, csv), wanted)
    edges = pd.read_csv(run / "similarity.csv").iloc[::-1]
    for labels in (csv, list("abc"), list("abcde")):
        with pytest.raises(fastdup.InvalidArgument, match="the work_dir of that run is not known"):
            fastdup.create_knn_classifier(edges, 3, labels)
    edges.attrs["work_dir"] = str(run)
    pd.testing.assert_frame_equal(fastdup.create_knn_classifier(edges, 3, csv), wanted)
    pd.testing.assert_frame_equal(
        fastdup.create_knn_classifier(fastdup.Session(run).similarity, 3, csv), wanted
    )


def test_labels_of_clusters_without_a_features_csv(run, tmp_path):
    rows = [(0, "a", 1, 0.1), (4, "e", 1, 0.1), (1, "b", 1, 0.1), (2, "c", 1, 0.1), (3, "d", 0, 0)]
    folder = tmp_path / "clusters"
    folder.mkdir()
    write_csv(folder / "kmeans_assignments.csv", "index,filename,cluster,distance", rows)
    wanted = fastdup.create_kmeans_classifier(folder, 2, LABELS)
    csv = numbered(run, tmp_path)
    pd.testing.assert_frame_equal(fastdup.create_kmeans_classifier(folder, 2, csv), wanted)
    assert fastdup.create_kmeans_clusters_gallery(folder, tmp_path, get_label_func=csv) == 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"k": None}, "k=None: expected a whole number of 1 or more"),
        ({"k": "5"}, "k='5'"),
        ({"k": 2.5}, "k=2.5"),
        ({"k": 0}, "k=0"),
        ({"threshold": "x"}, "threshold='x': expected a similarity, or None"),
        ({"get_label_func": 5}, "get_label_func is a int; expected a callable, a dict"),
    ],
)
def test_wrong_arguments_of_knn(run, options, told):
    with pytest.raises(fastdup.InvalidArgument, match=told):
        fastdup.create_knn_classifier(run, **{"k": 3, "get_label_func": LABELS, **options})


def test_kmeans_gives_the_majority_of_the_nearest_cluster(run):
    rows = [(0, "a", 1, 0.1), (0, "a", 0, 0.2), (1, "b", 1, 0.1), (2, "c", 1, 0.1)]
    rows += [(3, "d", 0, 0.1), (4, "e", 2, 0.1)]
    write_csv(run / "kmeans_assignments.csv", "index,filename,cluster,distance", rows)
    table = fastdup.create_kmeans_classifier(run, 2, LABELS)
    assert list(table) == ["prediction", "label", "filename"]
    assert table["prediction"].tolist() == ["cat", "cat", "cat", "dog", None]
    edges = fastdup.Session(run).similarity
    for similarities in (run / "similarity.csv", edges):
        same = fastdup.create_kmeans_classifier(similarities, 2, LABELS)
        pd.testing.assert_frame_equal(same, table)


def test_labels_are_needed(run):
    for function in (fastdup.create_knn_classifier, fastdup.label_scores):
        with pytest.raises(fastdup.InvalidArgument, match="get_label_func"):
            function(run, get_label_func=None, k=3)
    with pytest.raises(fastdup.InvalidArgument, match="k=0"):
        fastdup.label_scores(run, LABELS, k=0)


def test_scores_find_the_swapped_label(tmp_path):
    draw = np.random.default_rng(0)
    centres = np.eye(3)[np.arange(30) % 3]
    names = [f"{i}.jpg" for i in range(30)]
    labels = {name: f"class {i % 3}" for i, name in enumerate(names)}
    labels["4.jpg"] = "class 2"
    features = centres + draw.normal(0, 0.05, (30, 3))
    found = work_dir(tmp_path / "out", dict.fromkeys(names, 0), features=features)
    table = fastdup.label_scores(found, labels, k=5)
    expected = ["filename", "label", "score", "prediction", "neighbors", "distance"]
    assert list(table) == expected
    assert table.loc[0, ["filename", "score", "prediction"]].tolist() == ["4.jpg", 0.0, "class 1"]
    assert table["score"].is_monotonic_increasing
    assert (table["score"][1:] >= 80).all()


def test_scores_by_hand(tmp_path):
    features = np.array([[1, 0], [1, 0.1], [1, 0.2], [0, 1]])
    found = work_dir(tmp_path / "out", dict.fromkeys("abcd", 0), features=features)
    table = fastdup.label_scores(found, {"a": "x", "b": "x", "c": "y"}, k=2).set_index("filename")
    assert table["score"].to_dict() == {"a": 50.0, "b": 50.0, "c": 0.0}
    assert table["neighbors"].to_dict() == {"a": 2, "b": 2, "c": 2}
    assert "d" not in table.index


def test_equal_pictures_are_asked_in_order_of_the_run(tmp_path):
    names = [f"{i}.jpg" for i in range(30)]
    found = work_dir(tmp_path / "out", dict.fromkeys(names, 0), features=np.ones((30, 4)))
    labels = ["x", "x", *["y"] * 28]
    table = fastdup.label_scores(found, labels, k=2).set_index("filename")
    assert table["score"].to_dict() == {name: 50.0 if name in names[:2] else 0.0 for name in names}


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_scores_are_by_cosine_whatever_the_run_compared_by(tmp_path, distance):
    features = np.array([[1, 0], [9, 0.1], [0, 0], [1, 1], [np.nan, 1]])
    found = work_dir(
        tmp_path / "out", dict.fromkeys("abcde", 0), features=features, distance=distance
    )
    table = fastdup.label_scores(found, list("xxyxy"), k=1).set_index("filename")
    assert table.loc[["a", "b", "d"], "score"].tolist() == [100.0] * 3
    cosine = 9 / np.hypot(9, 0.1)
    assert table["distance"].to_dict() == pytest.approx(
        {"a": cosine, "b": cosine, "c": 0, "d": 9.1 / np.hypot(9, 0.1) / 2**0.5, "e": 0}
    )
