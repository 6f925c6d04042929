"""Whole runs over real pictures whose duplicates and outliers are known."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from making import rows, run

from benchmarks import quality

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def dups(collection, tmp_path_factory):
    """Truth and work_dir of a default run over the near-duplicate collection."""
    folder = collection("dups")
    out = tmp_path_factory.mktemp("dups")
    assert run(folder / "images", out) == 0
    return quality.read_truth(folder), out


def test_near_duplicates_are_ranked_above_others(dups):
    truth, out = dups
    scored = quality.score_pairs(*quality.read_run(out), truth)
    assert quality.average_precision(scored) >= 0.965
    strict = quality.threshold_at_precision(scored, 0.99)
    assert quality.recall(scored, strict) >= 0.93


def test_default_threshold_gives_no_wrong_pair(dups):
    truth, out = dups
    scored = quality.score_pairs(*quality.read_run(out), truth)
    assert quality.recall(scored, 0.9) >= 0.66
    edges = rows(out / "similarity.csv")
    assert len(edges) > 1000
    wrong = [
        e for e in edges
        if truth.group[Path(e["from"]).name] != truth.group[Path(e["to"]).name]
    ]  # fmt: skip
    assert wrong == []


def test_components_never_join_different_photos(dups):
    truth, out = dups
    names = [Path(r["filename"]).name for r in rows(out / "atrain_features.dat.csv")]
    members: dict[str, set[str]] = {}
    for r in rows(out / "connected_components.csv"):
        members.setdefault(r["component_id"], set()).add(truth.group[names[int(r["__id"])]])
    assert len(members) > 100
    assert all(len(groups) == 1 for groups in members.values())


def test_identical_pictures_score_one(dups):
    truth, out = dups
    names, features = quality.read_run(out)
    place = {name: i for i, name in enumerate(names)}
    same = [sorted(pair) for pair, severity in truth.severity.items() if severity == 0]
    cosine = [float(features[place[a]] @ features[place[b]]) for a, b in same]
    assert len(cosine) == 36
    assert min(cosine) > 0.99


def test_strangers_are_among_the_outliers(collection, tmp_path):
    folder = collection("outliers")
    assert run(folder / "images", tmp_path, lower_threshold=0.1) == 0
    with (folder / "outliers.csv").open(newline="") as stream:
        truth = {Path(r["file"]).name: r["is_outlier"] for r in csv.DictReader(stream)}
    strangers = {name for name, flag in truth.items() if flag.lower() in ("1", "true", "yes")}
    found = [Path(r["from"]).name for r in rows(tmp_path / "outliers.csv")]
    worst = list(dict.fromkeys(reversed(found)))[:20]
    assert len(strangers) == 20
    precision = np.mean([name in strangers for name in worst])
    assert precision >= 0.6


def test_natural_duplicates_are_told_from_look_alikes(collection, tmp_path):
    folder = collection("labelled")
    assert run(folder / "images", tmp_path, turi_param="run_stats=0") == 0
    names = [r["filename"] for r in rows(tmp_path / "atrain_features.dat.csv")]
    place = {str(Path(n).relative_to(folder)): i for i, n in enumerate(names)}
    _, features = quality.read_run(tmp_path)
    scores: dict[str, list[float]] = {}
    with (folder / "natural_pairs.csv").open(newline="") as stream:
        for r in csv.DictReader(stream):
            a, b = features[place[r["from"]]], features[place[r["to"]]]
            scores.setdefault(r["verdict"], []).append(float(a @ b))
    duplicate, other = np.array(scores["duplicate"]), np.array(scores["not_duplicate"])
    better = (duplicate[:, None] > other[None]).mean()
    assert better >= 0.9, "share of (duplicate, look-alike) pairs in the right order"
