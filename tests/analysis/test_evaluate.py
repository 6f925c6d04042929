"""evaluate() against a plain computation over all pairs, and the matching of names."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

import fastdup_gpu as fastdup
from fastdup_gpu.analysis import pairs
from fastdup_gpu.analysis.matching import find_row, rows_by_end

from .made import work_dir, write_csv


def run_of(folder, names, features):
    return work_dir(folder / "out", dict.fromkeys(names, 0), features=features)


def plain(features, true_pairs, missing=0):
    """Pairs from the most similar down, one at a time; ties counted together."""
    rows = features.astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    scored = [(float(rows[a] @ rows[b]), (a, b)) for a, b in combinations(range(len(rows)), 2)]
    known = len(true_pairs) + missing
    average, best = 0.0, 0.0
    for similarity in sorted({s for s, pair in scored if pair in true_pairs}, reverse=True):
        taken = [pair for s, pair in scored if s >= similarity]
        hits = sum(pair in true_pairs for pair in taken)
        new = sum(pair in true_pairs for s, pair in scored if s == similarity)
        average += new * hits / len(taken) / known
        best = max(best, 2 * hits / (len(taken) + known))
    return average, best


@pytest.mark.parametrize("side", [7, pairs.SIDE])
@pytest.mark.parametrize("seed", range(3))
def test_numbers_are_those_of_a_plain_computation(tmp_path, monkeypatch, seed, side):
    monkeypatch.setattr(pairs, "SIDE", side)
    draw = np.random.default_rng(seed)
    features = draw.normal(0, 1, (40, 4)).astype(np.float32) * draw.uniform(0.1, 9, (40, 1))
    features[7] = features[3]
    names = [f"images/{i}.jpg" for i in range(40)]
    true = {tuple(sorted(draw.choice(40, 2, replace=False).tolist())) for _ in range(15)} | {(3, 7)}
    rows = [(names[b], names[a]) for a, b in true] + [(names[a], names[b]) for a, b in true]
    write_csv(tmp_path / "truth.csv", "from,to", rows)
    found = fastdup.evaluate(run_of(tmp_path, names, features), tmp_path / "truth.csv")
    average, best = plain(features, true)
    assert found["average_precision"] == pytest.approx(average, abs=1e-4)
    assert found["best"]["f1"] == pytest.approx(best, abs=1e-6)
    assert (found["pictures"], found["true_pairs"]) == (40, len(true))


def test_rows_of_thresholds_by_hand(tmp_path):
    degrees = np.deg2rad([0, 5, 10, 60])
    features = np.stack([np.cos(degrees), np.sin(degrees)], axis=1)
    write_csv(tmp_path / "t.csv", "from,to", [("a", "b"), ("a", "d")])
    limits = [float(np.cos(np.deg2rad(x))) for x in (61, 11, 6, 1)]
    found = fastdup.evaluate(run_of(tmp_path, "abcd", features), tmp_path / "t.csv", limits)
    rows = [(r["pairs"], r["recall"], r["precision"]) for r in found["thresholds"]]
    assert rows[:3] == [(6, 1.0, 2 / 6), (3, 0.5, 1 / 3), (2, 0.5, 1 / 2)]
    assert rows[3][:2] == (0, 0.0)
    assert np.isnan(rows[3][2])
    assert found["thresholds"][0]["f1"] == pytest.approx(0.5)


@pytest.mark.parametrize("side", [7, 8, pairs.SIDE])
def test_all_pairs_are_counted_once_however_low_the_threshold(tmp_path, monkeypatch, side):
    monkeypatch.setattr(pairs, "SIDE", side)
    features = np.random.default_rng(0).normal(0, 1, (20, 4))
    features[4], features[9] = 0, np.nan
    write_csv(tmp_path / "t.csv", "from,to", [("0", "19"), ("4", "9")])
    found = run_of(tmp_path, [str(i) for i in range(20)], features)
    for least in (-2, float("-inf")):
        row = fastdup.evaluate(found, tmp_path / "t.csv", [least, 2])["thresholds"]
        assert (row[0]["pairs"], row[0]["recall"], row[1]["pairs"]) == (190, 1, 0)


def test_pairs_of_exactly_a_threshold_count(tmp_path):
    write_csv(tmp_path / "t.csv", "from,to", [("a", "c")])
    found = run_of(tmp_path, "abc", np.array([[1, 0], [0, 1], [1, 0]]))
    (row,) = fastdup.evaluate(found, tmp_path / "t.csv", [1.0])["thresholds"]
    assert (row["pairs"], row["precision"], row["recall"]) == (1, 1.0, 1.0)


def test_groups_and_pairs_that_others_connect(tmp_path):
    found = run_of(tmp_path, "abcdefg", np.eye(7))
    rows = [("a", "g1"), ("b", "g1"), ("c", "g1"), ("d", "g2"), ("e", "g2"), ("f", ""), ("g", "")]
    write_csv(tmp_path / "groups.csv", "file,group", rows)
    write_csv(tmp_path / "pairs.csv", "from,to", [("b", "a"), ("c", "b"), ("d", "e")])
    assert fastdup.evaluate(found, tmp_path / "groups.csv")["true_pairs"] == 4
    assert fastdup.evaluate(found, tmp_path / "pairs.csv")["true_pairs"] == 3
    assert fastdup.evaluate(found, tmp_path / "pairs.csv", transitive=True)["true_pairs"] == 4
    chain = [("a", "b"), ("c", "d"), ("a", "c"), ("d", "e")]
    write_csv(tmp_path / "chain.csv", "from,to", chain)
    assert fastdup.evaluate(found, tmp_path / "chain.csv", transitive=True)["true_pairs"] == 10


def test_verdicts_other_than_duplicate_do_not_count(tmp_path):
    rows = [("a", "b", "duplicate"), ("a", "c", "not_duplicate"), ("b", "c", "duplicate_crop")]
    write_csv(tmp_path / "t.csv", "from,to,verdict", rows)
    assert (
        fastdup.evaluate(run_of(tmp_path, "abc", np.eye(3)), tmp_path / "t.csv")["true_pairs"] == 2
    )


def test_pictures_that_are_not_in_the_run_count_as_missed(tmp_path):
    features = np.array([[1, 0], [1, 0], [0, 1]])
    write_csv(tmp_path / "t.csv", "from,to", [("a", "b"), ("a", "x"), ("x", "a")])
    found = fastdup.evaluate(run_of(tmp_path, "abc", features), tmp_path / "t.csv")
    assert (found["true_pairs"], found["true_pairs_not_in_run"]) == (2, 1)
    assert found["average_precision"] == 0.5
    assert found["best"]["recall"] == 0.5
    assert found["best"]["precision"] == 1.0


def test_truth_that_does_not_fit(tmp_path):
    found = run_of(tmp_path, "abc", np.eye(3))
    write_csv(tmp_path / "t.csv", "x,y", [("a", "b")])
    with pytest.raises(fastdup.FormatError, match="from,to or file,group"):
        fastdup.evaluate(found, tmp_path / "t.csv")
    write_csv(tmp_path / "t.csv", "from,to", [("p", "q")])
    with pytest.raises(fastdup.InvalidArgument, match="no pair"):
        fastdup.evaluate(found, tmp_path / "t.csv")
    write_csv(tmp_path / "t.csv", "from,to", [("p",)])
    with pytest.raises(fastdup.FormatError, match="1 cells"):
        fastdup.evaluate(found, tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("/data/a/x.jpg", 0),
        ("a/x.jpg", 0),
        ("elsewhere/b/x.jpg", 1),
        ("only.jpg", 2),
        ("other/place/only.jpg", None),
        ("c/x.jpg", None),
        ("none.jpg", None),
        ("", None),
        ("deep/flat.jpg", 3),
    ],
)
def test_names_are_matched_by_their_ends(name, row):
    names = ["/data/a/x.jpg", "/data/b/x.jpg", "/data/c/only.jpg", "flat.jpg"]
    assert find_row(name, names, rows_by_end(names)) == row


def test_name_that_fits_two_pictures_is_refused():
    names = ["/data/a/x.jpg", "/data/b/x.jpg"]
    with pytest.raises(fastdup.InvalidArgument, match="give a longer part of its path"):
        find_row("x.jpg", names, rows_by_end(names))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"thresholds": "abc"}, "thresholds is a str"),
        ({"thresholds": ["a"]}, "thresholds='a': expected a number"),
        ({"work_dir": None}, "work_dir=None: expected a path"),
        ({"truth_csv": 5}, "truth_csv=5: expected a path"),
    ],
)
def test_wrong_arguments(tmp_path, given, told):
    arguments = {"work_dir": tmp_path, "truth_csv": tmp_path / "truth.csv"} | given
    with pytest.raises(fastdup.InvalidArgument, match=told):
        fastdup.evaluate(**arguments)
