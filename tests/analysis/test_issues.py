"""The table of what is wrong with the pictures of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from making import photos, run
from PIL import Image

import fastdup_gpu as fastdup

from .made import picture, work_dir, write_csv


def listed(table, issue):
    rows = table[table["issue"] == issue]
    stems = [Path(name).stem for name in rows["filename"]]
    return list(zip(stems, rows["value"].round(6).tolist(), rows["detail"], strict=True))


def test_each_kind_worst_first(tmp_path):
    names = [picture(tmp_path / f"{n}.png", i) for i, n in enumerate("abcdef")]
    a, b, c, d, e, _ = names
    edges = [(a, b, 0.95), (b, a, 0.95), (a, c, 0.99), (c, a, 0.99), (d, e, 0.85)]
    found = work_dir(tmp_path / "out", dict.fromkeys(names, 0), edges=edges)
    outliers = [(d, a, 0.4), (d, b, 0.5), (e, a, 0.3)]
    write_csv(found / "outliers.csv", "from,to,distance", outliers)
    bad = [(6, "gone.jpg", "ERROR_MISSING_FILE", -1)]
    write_csv(found / "atrain_features.bad.csv", "index,filename,error_code,filesize", bad)
    means, deviations = [10, 3, 100, 240, 250, 120], [50, 50, 2, 50, 50, 50]
    stats = [
        (i, n, 9, 9, 1, 1, mean, 0, 255, stdv, 9, 1)
        for i, (n, mean, stdv) in enumerate(zip(names, means, deviations, strict=True))
    ]
    header = "index,filename,width,height,unique,blur,mean,min,max,stdv,file_size,contrast"
    write_csv(found / "atrain_stats.csv", header, stats)
    table = fastdup.Session(found).issues
    assert list(table) == ["filename", "issue", "value", "detail"]
    assert listed(table, "duplicate") == []
    assert listed(table, "near duplicate") == [("a", 0.99, c), ("c", 0.99, a), ("b", 0.95, a)]
    assert listed(table, "outlier") == [("d", 0.5, b)]  # e has a neighbour that is not listed
    assert listed(table, "dark") == [("b", 3, "mean"), ("a", 10, "mean")]
    assert listed(table, "bright") == [("e", 250, "mean"), ("d", 240, "mean")]
    assert listed(table, "one colour") == [("c", 2, "stdv")]
    assert len(listed(table, "blurred")) == 6
    (row,) = table[table["issue"] == "bad file"].itertuples()
    assert (row.filename, row.detail) == ("gone.jpg", "ERROR_MISSING_FILE")
    assert np.isnan(row.value)
    assert set(table["issue"]) == {
        "bad file", "near duplicate", "outlier", "dark", "bright", "one colour", "blurred",
    }  # fmt: skip


def test_of_a_run(tmp_path):
    photos(tmp_path / "in", 12)
    copy = tmp_path / "in" / "copy.jpg"
    copy.write_bytes((tmp_path / "in" / "0003.jpg").read_bytes())
    Image.new("RGB", (50, 50)).save(tmp_path / "in" / "black.png")
    (tmp_path / "in" / "broken.jpg").write_bytes(b"no picture")
    assert run(tmp_path / "in", tmp_path / "out") == 0
    table = fastdup.Session(tmp_path / "out").issues
    for issue, stem in (("duplicate", "copy"), ("dark", "black"), ("one colour", "black")):
        assert stem in [name for name, *_ in listed(table, issue)]
    assert [name for name, *_ in listed(table, "bad file")] == ["broken"]


def test_an_image_with_a_twin_is_no_near_duplicate_as_well(tmp_path):
    names = [picture(tmp_path / f"{n}.png", i) for i, n in enumerate("abc")]
    a, b, c = names
    edges = [(a, b, 1), (b, a, 1), (a, c, 0.95), (c, a, 0.95), (b, c, 0.94), (c, b, 0.94)]
    table = fastdup.Session(work_dir(tmp_path / "out", dict.fromkeys(names, 0), edges=edges)).issues
    assert listed(table, "duplicate") == [("a", 1, b), ("b", 1, a)]
    assert listed(table, "near duplicate") == [("c", 0.95, a)]


def test_odd_shapes_and_sizes(tmp_path):
    sizes = {"a": (60, 60), "b": (80, 60), "c": (70, 60), "d": (600, 90), "e": (20, 15)}
    for seed, (name, size) in enumerate(sizes.items()):
        picture(tmp_path / "in" / f"{name}.png", seed, size)
    picture(tmp_path / "in" / "f.png", 9, (20, 61))
    assert run(tmp_path / "in", tmp_path / "out") == 0
    table = fastdup.Session(tmp_path / "out").issues
    assert listed(table, "odd shape") == [("d", 6.666667, "ratio"), ("f", 3.05, "ratio")]
    assert listed(table, "large") == [("d", 54000, "size")]
    assert listed(table, "small") == [("e", 300, "size")]


def test_where_no_run_has_been(tmp_path):
    with pytest.raises(fastdup.WorkDirError):
        _ = fastdup.Session(tmp_path / "none").issues


def test_distances_are_told_as_similarities(tmp_path):
    names = [picture(tmp_path / f"{n}.png", i) for i, n in enumerate("ab")]
    edges = [(names[0], names[1], 0.01)]
    found = work_dir(tmp_path / "out", dict.fromkeys(names, 0), edges=edges, distance="l1")
    assert listed(fastdup.Session(found).issues, "near duplicate")[0][1] == round(1 / 1.01, 6)
