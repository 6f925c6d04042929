"""top_k_label against a plain count written another way, and the words of the reference."""

from __future__ import annotations

import math
import random
from collections import Counter
from fractions import Fraction

import pandas as pd
import pytest

from fastdup_gpu import InvalidArgument, top_k_label


def expected(labels, similarities, k, threshold, min_count, unknown):
    """By exact fractions over a ranking that is built pick by pick."""
    left = list(range(len(labels)))
    nearest = []
    while left and len(nearest) < k:
        best = max(left, key=lambda i: (similarities[i], -i))
        left.remove(best)
        nearest.append(best)
    voters = [i for i in nearest if threshold is None or similarities[i] > threshold]
    counts = Counter(labels[i] for i in voters).most_common()
    if not counts or counts[0][1] < (min_count or 1):
        return unknown
    tied = [label for label, count in counts if count == counts[0][1]]
    if len(tied) > 1 and unknown is not None:
        return unknown
    sums = {t: sum(Fraction(similarities[i]) for i in voters if labels[i] == t) for t in tied}
    return sorted(t for t in tied if sums[t] == max(sums.values()))[0]


@pytest.mark.parametrize("none", [None, float("nan"), pd.NA])
def test_neighbours_without_a_label_have_no_vote(none):
    assert top_k_label([none, none, "a"], [0.9, 0.9, 0.8]) == "a"
    assert top_k_label([none], [0.9], unknown_class="?") == "?"
    assert top_k_label([none, "a"], [0.9, 0.8], k=1, unknown_class="?") == "?"


def test_agrees_with_a_plain_count():
    draw = random.Random(7)
    for _ in range(500):
        n = draw.randint(0, 12)
        labels = [draw.choice("abcd") for _ in range(n)]
        similarities = [draw.randint(0, 8) / 8 for _ in range(n)]
        options = {
            "k": draw.randint(1, 12),
            "threshold": draw.choice([None, 0.25, 0.5]),
            "min_count": draw.choice([None, 1, 2, 3]),
            "unknown_class": draw.choice([None, "?"]),
        }
        wanted = expected(labels, similarities, *options.values())
        assert top_k_label(labels, similarities, **options) == wanted, (labels, similarities)


def test_majority_wins_over_the_nearest():
    assert top_k_label(["a", "b", "b"], [0.9, 0.8, 0.7]) == "b"


def test_only_the_k_most_similar_vote_whatever_their_order():
    assert top_k_label(["b", "b", "a"], [0.7, 0.7, 0.9], k=1) == "a"


def test_threshold_itself_is_not_above_it():
    assert top_k_label(["a", "b", "b"], [0.9, 0.8, 0.8], threshold=0.8) == "a"


def test_tie_goes_to_the_larger_sum_then_to_the_order_of_labels():
    assert top_k_label(["b", "a"], [0.9, 0.8]) == "b"
    assert top_k_label(["b", "a"], [0.9, 0.9]) == "a"


def test_tie_is_unknown_where_a_class_for_it_is_given():
    assert top_k_label(["b", "a"], [0.9, 0.8], unknown_class="?") == "?"
    assert top_k_label(["a", "a", "b", "c"], [0.9, 0.8, 0.7, 0.6], unknown_class="?") == "a"


def test_too_few_votes_give_the_unknown_class():
    assert top_k_label(["a", "a", "b"], [0.9, 0.8, 0.7], min_count=3) is None
    assert top_k_label(["a", "a", "b"], [0.9, 0.8, 0.7], min_count=3, unknown_class="?") == "?"


def test_no_neighbour_gives_the_unknown_class():
    assert top_k_label([], []) is None
    assert top_k_label([], [], unknown_class="?") == "?"


def test_columns_of_a_table_and_labels_that_are_numbers():
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame({"label": [1, 2, 2], "distance": [0.9, 0.8, 0.7]})
    assert top_k_label(table["label"], table["distance"]) == 2


@pytest.mark.parametrize(
    ("labels", "similarities", "options", "named"),
    [
        (["a"], [0.9, 0.8], {}, "labels_col has 1 and distance_col 2"),
        (["a"], [math.nan], {}, "nan"),
        (["a"], [None], {}, "distance_col=None: expected a number"),
        (["a"], None, {}, "distance_col is a NoneType; expected a list"),
        (None, [0.9], {}, "labels_col is a NoneType"),
        ("ab", [0.9, 0.8], {}, "labels_col is a str"),
        ([["a", "b"]], [0.9], {}, r"labels_col contains \['a', 'b'\], a list"),
        (["a"], [0.9], {"k": None}, "k=None: expected a whole number of 1 or more"),
        (["a"], [0.9], {"k": "5"}, "k='5'"),
        (["a"], [0.9], {"k": 2.5}, "k=2.5"),
        (["a"], [0.9], {"threshold": "x"}, "threshold='x': expected a similarity"),
        (["a"], [0.9], {"k": 0}, "k=0"),
        (["a"], [0.9], {"min_count": 0}, "min_count=0"),
    ],
)
def test_wrong_arguments_say_what_was_given(labels, similarities, options, named):
    with pytest.raises(InvalidArgument, match=named):
        top_k_label(labels, similarities, **options)
