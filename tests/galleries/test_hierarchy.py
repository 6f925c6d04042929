"""The hierarchical gallery: components, and then pairs of similar components."""

from __future__ import annotations

import pandas as pd

import fastdup_gpu as fastdup
from fastdup_gpu.analysis.hierarchy import similar_groups
from galleries.conftest import Page

GROUPS = [([0, 1, 2], 0.97), ([3, 4], 0.99), ([5, 6], 0.98)]


def hierarchy(run, tmp_path, edges, **options):
    run.write(edges, [], GROUPS)
    page = tmp_path / "groups"
    assert fastdup.create_components_gallery(run.work_dir, page, lazy_load=True, **options) == 0
    return page / "similarity_hierarchical_0.96.csv"


def test_two_groups_are_as_similar_as_their_most_similar_pictures(run, tmp_path):
    edges = [(0, 3, 0.91), (4, 1, 0.94), (1, 4, 0.94), (0, 1, 0.99), (5, 2, 0.92), (5, 7, 0.95)]
    table = pd.read_csv(hierarchy(run, tmp_path, edges))
    assert list(table) == ["from", "to", "distance", "component_from", "component_to"]
    names = run.names
    assert table.to_numpy().tolist() == [
        [names[4], names[1], 0.94, 3, 0],
        [names[5], names[2], 0.92, 5, 0],
    ]


def test_the_documented_three_steps_show_similar_groups(run, tmp_path):
    file = hierarchy(run, tmp_path, [(0, 3, 0.91), (4, 1, 0.94), (5, 2, 0.92)])
    assert fastdup.create_duplicates_gallery(file, tmp_path / "pairs") == 0
    shown = Page(tmp_path / "pairs" / "duplicates.html").shown()
    assert [[name[-5:] for name in pair] for pair in shown] == [
        ["e.png", "b.png"],
        ["f.png", "c.png"],
    ]


def test_the_file_is_named_after_the_threshold_of_the_run(run, tmp_path):
    (run.work_dir / "config.json").write_text('{"turi_param": "ccthreshold=0.9,run_cc=1"}')
    hierarchy(run, tmp_path, [])
    table = pd.read_csv(tmp_path / "groups" / "similarity_hierarchical_0.9.csv")
    assert table.empty and "component_to" in table


def test_it_is_written_for_groups_of_the_eye_in_lazy_pages_only(run, tmp_path):
    run.write([(0, 3, 0.91)], [], GROUPS)
    fastdup.create_components_gallery(run.work_dir, tmp_path / "whole")
    labels = {"get_label_func": lambda name: name[-5], "group_by": "label"}
    fastdup.create_components_gallery(run.work_dir, tmp_path / "l", lazy_load=True, **labels)
    assert not [*tmp_path.glob("*/similarity_hierarchical_*")]


def test_distances_of_other_metrics_rank_the_small_ones_first(run, tmp_path):
    (run.work_dir / "config.json").write_text('{"distance": "euclidean"}')
    groups = pd.DataFrame({"component_id": [1, 2], "files": [["a", "b"], ["c"]]})
    edges = pd.DataFrame({"from": ["a", "c"], "to": ["c", "b"], "distance": [5.0, 0.5]})
    (row,) = similar_groups(groups, edges, run.work_dir).to_dict("records")
    assert (row["from"], row["to"], row["distance"]) == ("c", "b", 0.5)
