"""Values of a wrong type where a choice, a list, a flag, or a path is expected."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

import fastdup_gpu as fastdup
from fastdup_gpu import InvalidArgument
from fastdup_gpu._arguments import flag, one_of

WRONG = [
    np.array(["one", "all"]),
    np.array("one"),
    pd.Series(["one"]),
    pd.DataFrame({"a": [1]}),
    pd.NA,
    ["one"],
]
STATS = pd.DataFrame({"filename": ["a.jpg"], "mean": [1.0]})
GROUPS = pd.DataFrame(
    {"component_id": [0], "files": [["a", "b"]], "files_ids": [[0, 1]], "distance": [1.0]}
)
NO_LIST = np.array(3)


@pytest.mark.parametrize("value", WRONG, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("argument", ["how", "filename_col", "label_col", "metric"])
def test_choices_of_statistics(argument, value):
    given = {"metric": "mean", "upper_threshold": 5} | {argument: value}
    with pytest.raises(InvalidArgument, match=f"^{argument}="):
        fastdup.delete_or_retag_stats_outliers(STATS, **given)


@pytest.mark.parametrize("value", WRONG, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("argument", ["how", "keep", "dry_run"])
def test_choices_of_deletion(argument, value):
    with pytest.raises(InvalidArgument, match=f"^{argument}="):
        fastdup.delete_components(GROUPS, **{argument: value})


@pytest.mark.parametrize("value", WRONG, ids=lambda value: type(value).__name__)
def test_choices_of_groups(tmp_path, value):
    with pytest.raises(InvalidArgument, match=r"^group_by="):
        fastdup.find_top_components(GROUPS, group_by=value)
    with pytest.raises(InvalidArgument, match=r"^group_by="):
        fastdup.create_components_gallery(GROUPS, tmp_path, group_by=value)
    with pytest.raises(InvalidArgument, match=r"^min_items="):
        fastdup.create_component_videos_gallery(GROUPS, tmp_path, min_items=value)


@pytest.mark.parametrize(
    ("argument", "use"),
    [
        ("to_delete", lambda: fastdup.delete_components(GROUPS, NO_LIST)),
        ("protect", lambda: fastdup.delete_components(GROUPS, protect=NO_LIST)),
        ("slice", lambda: fastdup.find_top_components(GROUPS, str, slice=NO_LIST)),
        ("get_label_func", lambda: fastdup.find_top_components(GROUPS, NO_LIST)),
        ("filenames", lambda: fastdup.save_binary_feature("o", NO_LIST, np.ones((1, 2)))),
        ("save_path", lambda: fastdup.save_binary_feature("a\0b", ["a"], np.ones((1, 2)))),
        ("stats_file", lambda: fastdup.delete_or_retag_stats_outliers("a\0b", "mean")),
        ("work_dir", lambda: fastdup.find_top_components("a\0b")),
        ("work_dir", lambda: fastdup.create_knn_classifier("a\0b", 1, str)),
        ("work_dir", lambda: fastdup.webdataset_labels("in", work_dir=NO_LIST)),
        ("work_dir", lambda: fastdup.webdataset_labels("in", work_dir=None)),
    ],
)
def test_lists_and_paths_that_are_none(argument, use):
    with pytest.raises(InvalidArgument, match=f"^{re.escape(argument)}"):
        use()


def test_known_values_and_flags_come_back():
    assert one_of("how", np.str_("one"), ("one", "all")) == "one"
    assert [flag("a", value) for value in (0, 1, True, np.False_)] == [False, True, True, False]
