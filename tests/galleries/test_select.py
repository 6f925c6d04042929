"""What galleries show, against expectations worked out by hand."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pandas as pd
import pytest

from fastdup_gpu import InvalidArgument
from fastdup_gpu.analysis.facts import Facts
from fastdup_gpu.analysis.ranking import rank_outliers
from fastdup_gpu.galleries import select


def edges(*rows):
    return pd.DataFrame(rows, columns=["from", "to", "distance"])


def rows(table, *columns):
    return list(zip(*(table[c] for c in columns), strict=True))


def test_pairs_stand_once_in_their_most_similar_form_without_loops():
    table = select.unordered_pairs(
        edges(("a", "b", 0.9), ("c", "c", 1.0), ("b", "a", 0.95), ("c", "a", 0.95), ("b", "c", 0.5))
    )
    assert rows(table, "from", "to", "distance") == [
        ("b", "a", 0.95),
        ("c", "a", 0.95),
        ("b", "c", 0.5),
    ]


def test_pairs_of_an_empty_table():
    assert select.unordered_pairs(edges().astype({"distance": float})).empty


@pytest.mark.parametrize(
    ("members", "best", "why"),
    [
        ([Facts("a", 100, 9, 9.0), Facts("b", 200, 1, 1.0)], 1, "most pixels"),
        ([Facts("a", 100, 9, 1.0), Facts("b", 100, 10, 0.0)], 1, "largest file"),
        ([Facts("a", 100, 9, 1.0), Facts("b", 100, 9, 2.0)], 1, "sharpest"),
        ([Facts("b", 1, 1, 1.0), Facts("a", 1, 1, 1.0)], 1, "first by name"),
    ],
)
def test_keeper_by_pixels_then_bytes_then_sharpness(members, best, why):
    assert select.choose_keeper(members) == (best, why)


LABELS = [["cat"], ["cat", "pet"], ["dog"], []]
OTHERS = [["cat"], ["dog"], ["cat"], ["cat"]]


@pytest.mark.parametrize(
    ("slice", "kept"),
    [
        ("same", [True, False, False, False]),
        ("diff", [False, True, True, False]),
        ("cat", [False, True, True, True]),
        (["pet"], [False, True, False, False]),
        (["pet", "dog"], [False, True, True, False]),
    ],
)
def test_slices_of_pairs(slice, kept):
    assert select.slice_mask(slice, LABELS, OTHERS).tolist() == kept


def test_slice_of_pictures():
    assert select.slice_mask(["pet", "dog"], LABELS).tolist() == [False, True, True, False]


def test_unknown_label_is_an_error_that_lists_labels():
    with pytest.raises(InvalidArgument, match=r"'bird'.*'cat', 'dog', 'pet'"):
        select.slice_mask("bird", LABELS)


OUTLIERS = edges(
    ("a", "x", 0.5), ("a", "y", 0.1), ("b", "x", 0.2), ("b", "y", 0.3), ("c", "x", 0.0)
)


def test_outliers_by_their_least_similar_neighbour():
    table = rank_outliers(OUTLIERS, "one")
    assert rows(table, "from", "to", "distance") == [
        ("c", "x", 0.0),
        ("a", "y", 0.1),
        ("b", "x", 0.2),
    ]


def test_outliers_far_from_all_their_neighbours():
    table = rank_outliers(OUTLIERS, "all")
    assert rows(table, "from", "to", "distance") == [("b", "y", 0.3), ("a", "x", 0.5)]
    assert rows(rank_outliers(OUTLIERS, "all", 1), "from") == [("c",), ("b",), ("a",)]


def test_neighbours_of_each_picture_nearest_first():
    table = select.neighbor_rows(
        edges(("b", "x", 0.1), ("a", "x", 0.2), ("b", "y", 0.9), ("b", "b", 1.0), ("b", "z", 0.5)),
        2,
    )
    assert rows(table, "from", "to", "distance") == [
        ("b", ["y", "z"], [0.9, 0.5]),
        ("a", ["x"], [0.2]),
    ]


@pytest.mark.parametrize(
    ("own", "others", "score"),
    [
        (["cat"], [["cat"], ["cat", "pet"]], 100.0),
        (["cat"], [["dog"], ["pet"]], 0.0),
        (["cat"], [["cat"], ["dog"]], 50.0),
        (["cat"], [["cat"], []], 100.0),
        (["cat"], [[], []], None),
        ([], [["cat"]], None),
    ],
)
def test_label_score_is_the_share_of_labelled_neighbours_that_agree(own, others, score):
    assert select.label_score(own, others) == score


def brute_curve(pairs, threshold):
    """Pairs, images, groups and images to spare, by growing sets."""
    kept = [{a, b} for a, b, s in pairs if s >= threshold]
    groups = []
    for pair in kept:
        touching = [g for g in groups if g & pair]
        groups = [g for g in groups if not g & pair] + [set().union(pair, *touching)]
    images = sum(map(len, groups))
    return [len(kept), images, len(groups), images - len(groups)]


def test_curve_counts_pairs_images_and_groups():
    draw = random.Random(3)
    names = [f"n{i}" for i in range(30)]
    chosen = draw.sample(list(itertools.combinations(names, 2)), 60)
    pairs = [(a, b, round(draw.uniform(0.8, 1), 6)) for a, b in chosen]
    table = select.unordered_pairs(edges(*pairs))
    found = select.curve(table, [0.5, 0.87654], 25)
    assert 0.8765 in [row[0] for row in found]
    assert [row[0] for row in found] == sorted(row[0] for row in found)
    assert found[0][1] == 60
    for threshold, *counts in found:
        assert counts == brute_curve(pairs, threshold - 1e-12), threshold


def test_curve_of_nothing():
    assert select.curve(edges()) == []


def test_histogram_counts_finite_values():
    found = select.histogram(np.array([0.0, 1.0, 2.0, 4.0, np.nan, np.inf]), bins=4)
    assert found == {"low": 0.0, "high": 4.0, "counts": [1, 1, 1, 1]}
    assert select.histogram(np.array([np.nan]))["counts"] == []


STATS = pd.DataFrame({"index": [0, 1, 2], "filename": ["c", "a", "b"], "blur": [5.0, 5.0, np.nan]})


def test_ranked_by_value_then_name_without_missing_values():
    assert list(select.ranked(STATS, "blur", descending=True)["filename"]) == ["a", "c"]


@pytest.mark.parametrize("metric", ["filename", "index", "sharpness"])
def test_unknown_metric_lists_the_columns(metric):
    with pytest.raises(InvalidArgument, match="expected one of: blur"):
        select.ranked(STATS, metric, descending=True)
