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


def test_kmeans_gives_the_majority_of_the_nearest_cluster(run):
    rows = [(0, "a", 1, 0.1), (0, "a", 0, 0.2), (1, "b", 1, 0.1), (2, "c", 1, 0.1)]
    rows += [(3, "d", 0, 0.1), (4, "e", 2, 0.1)]
    write_csv(run / "kmeans_assignments.csv", "index,filename,cluster,distance", rows)
    table = fastdup.create_kmeans_classifier(run, 2, LABELS)
    assert list(table) == ["prediction", "label", "filename"]
    assert table["prediction"].tolist() == ["cat", "cat", "cat", "dog", None]


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
