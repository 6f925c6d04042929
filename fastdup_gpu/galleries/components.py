"""Galleries of groups: components of similar images, labels, and k-means clusters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd

from fastdup_gpu.analysis.components import find_top_components, with_pictures
from fastdup_gpu.analysis.groups import opened
from fastdup_gpu.analysis.hierarchy import write_hierarchy
from fastdup_gpu.formats import results
from fastdup_gpu.galleries import words
from fastdup_gpu.galleries.album import Album, shown
from fastdup_gpu.galleries.options import COMPONENT_EXTRAS, Options, make_options
from fastdup_gpu.galleries.render import Page, View, publish, slider
from fastdup_gpu.galleries.select import LabelsOf, choose_keeper

MOST_MEMBERS = 24  # images shown of one group unless max_items is given
INTRO = (
    "The images of a group are similar to each other. The starred image is the one to keep: the "
    "one with the most pixels, then the largest file, then the sharpest."
)
LABEL_INTRO = (
    "All images with a label. Below each image is the group of similar images that it belongs to; "
    "the similarity is that of these groups."
)
CLUSTER_INTRO = (
    "k-means clusters. The number below an image is its squared distance to the centre of the "
    "cluster; the nearest images come first."
)


def create_components_gallery(work_dir: Any, kwargs: dict[str, Any], **given: Any) -> None:
    """Write components.html; see the public function for the arguments."""
    options = make_options(given, kwargs, COMPONENT_EXTRAS)
    work_dir = opened(work_dir)
    folder = results.work_dir_of(work_dir, options.work_dir)
    album = Album(options, folder)
    table = select_groups(work_dir, options)
    view = components_view(album, table)
    _publish("components", "Components", album, view, table)
    if options.lazy_load and options.group_by == "visual" and folder is not None:
        write_hierarchy(table, folder, options.save_path)


def create_kmeans_clusters_gallery(work_dir: Any, kwargs: dict[str, Any], **given: Any) -> None:
    """Write kmeans_clusters.html; see the public function for the arguments."""
    options = make_options(given, kwargs, COMPONENT_EXTRAS)
    album = Album(options, results.work_dir_of(work_dir))
    table = select_groups(work_dir, options, comp_type="cluster")
    order = results.read_kmeans(work_dir).drop_duplicates("index")
    distance = dict(zip(order["filename"], order["distance"].tolist(), strict=True))
    far = [[distance[name] for name in files] for files in table["files"]]
    table = with_pictures(table, [sorted(range(len(own)), key=own.__getitem__) for own in far])
    view = components_view(album, table, distance)
    _publish("kmeans_clusters", "Clusters", album, view, table)


def _publish(stem: str, title: str, album: Album, view: View, table: pd.DataFrame) -> None:
    images = words.count(int(table["len"].sum()), "image")
    subtitle = f"{words.count(len(table), 'group')} of {images}"
    page = Page(stem, title, subtitle, [view], thumb_width=album.options.max_width)
    publish(page, album, table)


def select_groups(source: Any, options: Options, comp_type: str = "component") -> pd.DataFrame:
    """The table of find_top_components() for the options; `source` may be such a table."""
    return find_top_components(
        source,
        get_label_func=options.get_label_func,
        group_by=options.group_by,
        slice=options.slice,
        threshold=options.threshold,
        metric=options.metric,
        descending=options.descending,
        min_items=options.min_items,
        keyword=options.keyword,
        comp_type=comp_type,
        nrows=options.nrows,
        split_sentence_to_label_list=options.split_sentence_to_label_list,
    )


def components_view(
    album: Album, table: pd.DataFrame, centre: dict[str, float] | None = None
) -> View:
    """The view of the first `num_images` groups. For clusters, `centre` holds the distance of each
    member to its centre, and no member is suggested for removal."""
    listed = table.iloc[: album.options.shown]
    labels = album.labels([name for files in listed["files"] for name in files])
    view: View = {
        "id": "components" if centre is None else "clusters",
        "title": "Components" if centre is None else "Clusters",
        "kind": "groups",
        "intro": _intro(album.options.group_by, centre is not None),
        "noun": ["group", "groups"],
        "empty": "No groups of similar images were found.",
        "items": [_item(album, row, labels, centre) for row in listed.to_dict("records")],
    }
    if centre is None and album.options.group_by == "visual":
        view["suggest"] = "Mark all except the starred"
    rows = _steps(table)
    if len(rows) > 1:
        label = "Mean similarity" if centre is None else "Closeness to the centre"
        view["slider"] = slider(label, "≥", rows, rows[0][0], "{0 group} of {1 image}")
    return view


def _intro(group_by: str, clusters: bool) -> str:
    if clusters:
        return CLUSTER_INTRO
    return LABEL_INTRO if group_by == "label" else INTRO


def _item(
    album: Album, row: dict[Any, Any], labels: LabelsOf | None, centre: dict[str, float] | None
) -> dict[str, Any]:
    files = list(row["files"])
    labelled = "label" in row and isinstance(row["label"], str)
    name = shown(row["label"]) if labelled else f"{_kind(centre)} {row['component_id']}"
    measure = "mean similarity" if centre is None else "closeness to the centre"
    item: dict[str, Any] = {
        "title": name,
        "sub": f"{words.count(len(files), 'image')}, {measure} {words.similarity(row['distance'])}",
        "v": round(float(row["distance"]), 6),
        "chips": _label_counts(album.options, files, labels) if labels else [],
    }
    if "heads" in row:
        return item | _members(album, files, row["heads"])
    if centre is not None:
        return item | _members(album, files, [words.number(centre[f]) for f in files])
    if labelled:
        return item | _members(album, files, [f"group {c}" for c in row["component_id"]])
    best, why = choose_keeper([album.facts(name) for name in files])
    files.insert(0, files.pop(best))
    item |= _members(album, files, None)
    return item | {"keep": item["p"][0], "why": why, "drop": item["p"][1:]}


def _kind(centre: dict[str, float] | None) -> str:
    return "Group" if centre is None else "Cluster"


def _members(album: Album, files: Sequence[str], heads: list[str] | None) -> dict[str, Any]:
    most = album.options.max_items or MOST_MEMBERS
    return {
        "p": [album.add(name) for name in files[:most]],
        "more": max(0, len(files) - most),
        "heads": heads[:most] if heads else None,
    }


def _label_counts(options: Options, files: Sequence[str], labels: LabelsOf) -> list[list[Any]]:
    """The most frequent labels of a group and their counts."""
    counts = Counter(label for name in files for label in labels[name])
    most = options.limit_labels_printed
    most = most if most is not None else options.max_items or 5
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return [[shown(label), count] for label, count in ordered[:most]]


def _steps(table: pd.DataFrame) -> list[list[float]]:
    """Rows `threshold, groups, images` over all groups, from the smallest similarity to 1."""
    values = table["distance"].to_numpy(dtype=float)
    sizes = table["len"].to_numpy(dtype=int)
    if len(values) < 2 or not (values == values).all():
        return []
    low = int(values.min() * 1000 // 1)
    high = max(low + 1, int(-(-values.max() * 1000 // 1)))
    step = max(1, (high - low) // 100)
    marks = [mark / 1000 for mark in range(low, high + 1, step)]
    fits = [values >= mark - 1e-9 for mark in marks]
    return [[m, int(f.sum()), int(sizes[f].sum())] for m, f in zip(marks, fits, strict=True)]
