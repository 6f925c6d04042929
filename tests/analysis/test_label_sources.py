"""Labels that a user gives, laid over the pictures of a run."""

from __future__ import annotations

import numpy as np
import pytest

import fastdup_gpu as fastdup

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
