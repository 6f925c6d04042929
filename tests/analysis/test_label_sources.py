"""Labels that a user gives, laid over the pictures of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from making import photo, run

import fastdup_gpu as fastdup
from fastdup_gpu.cli import main

from .made import picture, work_dir, write_csv


@pytest.mark.parametrize("form", ["list", "csv"])
def test_two_labels_for_one_name_are_refused(tmp_path, form):
    names = [picture(tmp_path / f"{n}.png", i) for i, n in enumerate("abc")]
    found = work_dir(tmp_path / "out", dict.fromkeys(names, 0), features=np.eye(4)[:4])
    listed = [names[0], *names]
    write_csv(found / "atrain_features.dat.csv", "index,filename", list(enumerate(listed)))

    def labels(values):
        if form == "list":
            return values
        write_csv(tmp_path / "l.csv", "filename,label", list(zip(listed, values, strict=True)))
        return tmp_path / "l.csv"

    with pytest.raises(fastdup.InvalidArgument, match=r"two labels for .*a\.png', 'cat' and 'dog'"):
        fastdup.label_scores(found, labels(["cat", "dog", "cat", "bird"]))
    same = fastdup.label_scores(found, labels(["cat", "cat", "dog", "bird"]), k=3)
    assert dict(zip(same["filename"], same["label"], strict=True))[names[0]] == "cat"


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    """Six images in two folders, the labels, and a run; two names are in both."""
    root = tmp_path_factory.mktemp("classes")
    for seed, name in enumerate(("cat/1.jpg", "cat/2.jpg", "cat/3.jpg", "dog/1.jpg", "dog/2.jpg")):
        (root / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        photo(seed).save(root / "in" / name)
    assert run(root / "in", root / "out") == 0
    return root


@pytest.mark.parametrize("form", ["csv", "table", "dict", "paths"])
@pytest.mark.parametrize("relative", [False, True])
def test_labels_by_names_of_the_run_or_relative_to_its_input(classes, tmp_path, form, relative):
    paths = sorted((classes / "in").rglob("*.jpg"))
    names = [path.relative_to(classes / "in") if relative else path for path in paths]
    table = pd.DataFrame({"filename": map(str, names), "label": [p.parent.name for p in paths]})
    table.to_csv(tmp_path / "labels.csv", index=False)
    given = {
        "csv": tmp_path / "labels.csv",
        "table": table,
        "dict": dict(zip(table["filename"], table["label"], strict=True)),
        "paths": dict(zip(names, table["label"], strict=True)),
    }[form]
    found = fastdup.label_scores(classes / "out", given, k=2)
    folders = [Path(name).parent.name for name in found["filename"]]
    assert found["label"].tolist() == folders
    assert sorted(found["label"]) == ["cat"] * 3 + ["dog"] * 2


def test_base_names_are_not_guessed(classes):
    """Two folders may have images of one name."""
    with pytest.raises(fastdup.InvalidArgument, match="has none of the 5 file names"):
        fastdup.label_scores(classes / "out", {"1.jpg": "cat", "2.jpg": "cat", "3.jpg": "cat"})


def test_the_report_command_takes_labels_from_folders(classes, tmp_path):
    for option in (["--labels-from-folders"], ["--labels", str(tmp_path / "labels.csv")]):
        rows = [(p, p.parent.name) for p in (classes / "in").rglob("*.jpg")]
        write_csv(tmp_path / "labels.csv", "filename,label", rows)
        page = tmp_path / f"{len(option)}.html"
        assert main(["report", str(classes / "out"), "--save-path", str(page), *option]) == 0
    first, second = (tmp_path / f"{n}.html" for n in (1, 2))
    assert first.read_text() == second.read_text()


@pytest.mark.parametrize("form", ["table", "dict", "list", "callable", "twice", "nested"])
def test_an_image_has_no_label_if_that_of_pandas_is_missing(tmp_path, form):
    names = [picture(tmp_path / f"{n}.png", i) for i, n in enumerate("abc")]
    found = work_dir(tmp_path / "out", dict.fromkeys(names, 0), features=np.eye(3))
    table = pd.DataFrame({"filename": names, "label": ["cat", None, "dog"]}).convert_dtypes()
    by_name = dict(zip(table["filename"], table["label"], strict=True))
    labels = {
        "table": table,
        "dict": by_name,
        "list": list(table["label"]),
        "callable": by_name.get,
        "twice": pd.concat([table, table]),
        "nested": {name: [label, pd.NA] for name, label in by_name.items()},
    }[form]
    scores = fastdup.label_scores(found, labels, k=2)
    assert sorted(scores["label"]) == ["cat", "dog"]
