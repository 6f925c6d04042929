"""The largest groups of similar images, or of images with the same label, as a table."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fastdup_gpu._arguments import flag, one_of, path_text, real_number, whole_number
from fastdup_gpu._errors import InvalidArgument
from fastdup_gpu.analysis.annotations import Labels
from fastdup_gpu.analysis.component import (
    Component,
    needed,
    read_clusters,
    read_components,
    read_top_components,
    split,
)
from fastdup_gpu.analysis.component_labels import ALIKE, GivenLabels, sliced, wanted_of
from fastdup_gpu.analysis.groups import COLUMNS, DISTANCES, is_table, opened, write_table
from fastdup_gpu.analysis.slices import check_slice
from fastdup_gpu.formats import results
from fastdup_gpu.formats.tables import objects

OPTIONS = ("min_similarity", "nrows", "split_sentence_to_label_list")
Source = str | os.PathLike[str] | pd.DataFrame


def find_top_components(
    work_dir: Source,
    get_label_func: Labels = None,
    group_by: str = "visual",
    slice: str | Collection[str] | None = None,
    threshold: float | None = None,
    metric: str | None = None,
    descending: bool = True,
    min_items: int | None = None,
    max_items: int | None = None,
    keyword: str | None = None,
    save_path: str | os.PathLike[str] | None = None,
    comp_type: str = "component",
    **kwargs: Any,
) -> pd.DataFrame:
    """Components of similar images, the largest first.

    See fastdup_gpu.find_top_components.
    """
    work_dir = opened(work_dir)
    labelled = get_label_func is not None or (is_table(work_dir) and "label" in work_dir)
    _check(group_by, metric, comp_type, labelled, slice, keyword, kwargs)
    _check_values(threshold, min_items, max_items, save_path, kwargs)
    descending = flag("descending", descending)
    folder = results.work_dir_of(work_dir)
    by_label = group_by == "label"
    found = _read(work_dir, folder, comp_type, kwargs.get("nrows"), alone=by_label)
    given = GivenLabels(get_label_func, folder, bool(kwargs.get("split_sentence_to_label_list")))
    given.add_to(found)
    alike = slice if not by_label and isinstance(slice, str) and slice in ALIKE else None
    wanted = wanted_of(found, slice if alike is None else None, keyword, given.everywhere)
    if kwargs.get("min_similarity") is not None:
        least = float(kwargs["min_similarity"])
        found = split(found, needed(folder, "min_similarity"), least, alone=by_label)
    if threshold is not None:
        found = [component for component in found if component.distance > threshold]
    found = found if by_label else sliced(found, alike, wanted)
    table = _label_table(found) if by_label else _visual_table(found, labelled)
    if by_label and wanted is not None:
        table = table[[label in wanted for label in table["label"]]]
    table = _sized(table, min_items, max_items)
    if metric is not None:
        table = table.assign(**{metric: _means(table, metric, needed(folder, "metric"))})
    keys = [metric or "len", "distance"]
    table = table.sort_values(keys, ascending=not descending, kind="stable")
    table = table.reset_index(drop=True)
    if folder is not None:
        table.attrs["work_dir"] = str(folder.absolute())
    if save_path is not None:
        write_table(table, save_path)
    return table


def _check(
    group_by: str,
    metric: str | None,
    comp_type: str,
    labelled: bool,
    slice: object,
    keyword: str | None,
    options: dict[str, Any],
) -> None:
    closed = {"group_by": (group_by, ("visual", "label"))}
    closed["comp_type"] = (comp_type, ("component", "cluster"))
    for argument, (value, known) in closed.items():
        one_of(argument, value, known)
    for option in options:
        one_of("keyword argument", option, OPTIONS)
    check_slice(slice)
    wishes = {"group_by='label'": group_by == "label", "slice": slice, "keyword": keyword}
    for wish, given in wishes.items():
        if given is not None and given is not False and not labelled:
            raise InvalidArgument(f"{wish} needs labels; give get_label_func")


def _check_values(
    threshold: float | None,
    min_items: int | None,
    max_items: int | None,
    save_path: str | os.PathLike[str] | None,
    options: dict[str, Any],
) -> None:
    reals = {"threshold": threshold, "min_similarity": options.get("min_similarity")}
    wholes = {"min_items": min_items, "max_items": max_items, "nrows": options.get("nrows")}
    for argument, value in reals.items():
        if value is not None:
            real_number(argument, value)
    for argument, value in wholes.items():
        if value is not None:
            whole_number(argument, value)
    if save_path is not None:
        path_text("save_path", save_path)


def _read(
    source: Source, folder: Path | None, comp_type: str, nrows: int | None, *, alone: bool
) -> list[Component]:
    if is_table(source):
        return read_top_components(source, folder, nrows)
    if comp_type == "cluster":
        return read_clusters(folder, nrows)
    return read_components(source, folder, nrows, alone=alone)


def _visual_table(found: list[Component], labelled: bool) -> pd.DataFrame:
    rows = [(c.number, c.files, c.ids, c.distance, len(c.files)) for c in found]
    table = pd.DataFrame(rows, columns=pd.Index(COLUMNS))
    if labelled:
        table["label"] = objects(map(_shown, found))
    return table


def _shown(component: Component) -> list[str | list[str]]:
    """For each image its label, or a list if it has none or several."""
    labels = component.labels or [[] for _ in component.files]
    return [own[0] if len(own) == 1 else own for own in labels]


def _label_table(found: list[Component]) -> pd.DataFrame:
    """One row per label: its images, and the component of each. Its similarity is the mean over
    the images that are similar to another."""
    rows: dict[str, tuple[list[str], list[int], list[int], list[float]]] = {}
    for component in found:
        for name, row, own in zip(component.files, component.ids, component.labels, strict=True):
            for label in dict.fromkeys(own):
                files, numbers, ids, distances = rows.setdefault(label, ([], [], [], []))
                files.append(name)
                numbers.append(component.number)
                ids.append(row)
                distances.append(component.distance)
    columns = ("label", "files", "component_id", "files_ids", "distance", "len", DISTANCES)
    content = [
        (label, files, numbers, ids, _mean_of_similar(distances), len(files), distances)
        for label, (files, numbers, ids, distances) in rows.items()
    ]
    return pd.DataFrame(content, columns=pd.Index(columns))


def _mean_of_similar(distances: list[float]) -> float:
    """The mean, without the zeros of images that are similar to no other."""
    known = [distance for distance in distances if distance != 0]
    return float(np.mean(known)) if known else 0.0


def with_pictures(table: pd.DataFrame, places: Sequence[Sequence[int]]) -> pd.DataFrame:
    """Only the images at `places` of each group, in every column with one entry per image."""
    picked: dict[str, Any] = {"len": [len(own) for own in places]}
    for name, cells in table.items():
        if all(isinstance(cell, list) for cell in cells):
            chosen = ([cell[i] for i in own] for cell, own in zip(cells, places, strict=True))
            picked[str(name)] = objects(chosen).set_axis(table.index)
    return table.assign(**picked)


def _sized(table: pd.DataFrame, min_items: int | None, max_items: int | None) -> pd.DataFrame:
    if min_items is not None:
        table = table[table["len"] >= min_items]
    return table if max_items is None else table[table["len"] <= max_items]


def _means(table: pd.DataFrame, metric: str, folder: Path) -> list[float]:
    """The mean of a statistics column over the images of each row."""
    stats = results.read_stats(folder)
    known = [str(name) for name in stats.select_dtypes("number") if name != "index"]
    one_of("metric", metric, known)
    values = dict(zip(stats["filename"], stats[metric], strict=True))
    return [float(np.mean([values.get(n, np.nan) for n in files])) for files in table["files"]]
