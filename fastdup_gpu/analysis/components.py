"""The largest groups of similar pictures, or of pictures with the same label, as a table."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fastdup_gpu._errors import InvalidArgument, choose
from fastdup_gpu.analysis.annotations import Labels, read_labels
from fastdup_gpu.analysis.chaining import split_chain
from fastdup_gpu.analysis.groups import COLUMNS, write_table
from fastdup_gpu.analysis.similarity import component_similarity, similarity_of_distance
from fastdup_gpu.formats import results
from fastdup_gpu.formats.features import feature_paths, open_features

METRICS = ("mean", "min", "max", "unique", "blur", "size")
OPTIONS = ("min_similarity", "nrows", "split_sentence_to_label_list")
Source = str | os.PathLike[str] | pd.DataFrame


@dataclass(slots=True)
class Component:
    """One group: its number, its similarity, and its pictures (names, ids, labels)."""

    number: int
    distance: float
    files: list[str] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    labels: list[list[str]] = field(default_factory=list)

    def take(self, positions: Sequence[int], number: int) -> Component:
        """A part of the group under a number of its own."""
        return Component(
            number,
            self.distance,
            [self.files[i] for i in positions],
            [self.ids[i] for i in positions],
            [self.labels[i] for i in positions] if self.labels else [],
        )

    @property
    def is_uniform(self) -> bool:
        """Whether all pictures share one label."""
        return len({label for own in self.labels for label in own}) == 1

    def has(self, wanted: Callable[[str], bool]) -> bool:
        """Whether a label of any picture is wanted."""
        return any(wanted(label) for own in self.labels for label in own)


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
    """Components of similar pictures, the largest first.

    See fastdup_gpu.find_top_components.
    """
    _check(group_by, metric, comp_type, get_label_func, slice, keyword, kwargs)
    folder = results.work_dir_of(work_dir)
    nrows = kwargs.get("nrows")
    reader = _read_components if comp_type == "component" else _read_clusters
    found = reader(work_dir, folder, nrows)
    _add_labels(found, get_label_func, folder, bool(kwargs.get("split_sentence_to_label_list")))
    if kwargs.get("min_similarity") is not None:
        found = _split(found, _needed(folder, "min_similarity"), float(kwargs["min_similarity"]))
    if threshold is not None:
        found = [component for component in found if component.distance > threshold]
    by_label = group_by == "label"
    table = _label_table(found) if by_label else _visual_table(_sliced(found, slice, keyword))
    if by_label:
        table = table[[_wanted(label, slice, keyword) for label in table["label"]]]
    table = _sized(table, min_items, max_items)
    if metric is not None:
        table = table.assign(**{metric: _means(table, metric, _needed(folder, "metric"))})
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
    labels: Labels,
    slice: object,
    keyword: str | None,
    options: dict[str, Any],
) -> None:
    closed = {"group_by": (group_by, ("visual", "label")), "metric": (metric, (None, *METRICS))}
    closed["comp_type"] = (comp_type, ("component", "cluster"))
    for argument, (value, known) in closed.items():
        if value not in known:
            raise choose(argument, value, known)
    for option in options:
        if option not in OPTIONS:
            raise choose("keyword argument", option, OPTIONS)
    wishes = {"group_by='label'": group_by == "label", "slice": slice, "keyword": keyword}
    for wish, given in wishes.items():
        if given and labels is None:
            raise InvalidArgument(f"{wish} needs get_label_func, which tells the labels")


def _needed(folder: Path | None, argument: str) -> Path:
    if folder is None:
        raise InvalidArgument(f"{argument} needs the files of the run: give its work_dir")
    return folder


def _read_components(source: Source, folder: Path | None, nrows: int | None) -> list[Component]:
    """Components of two pictures and more."""
    table = results.read_components(source, nrows=nrows, work_dir=folder)
    table = table[table.duplicated("component_id", keep=False)]
    similarity = component_similarity(table, folder)
    groups: dict[int, Component] = {}
    rows = zip(table["component_id"], table["filename"], table["__id"], strict=True)
    for number, name, row in rows:
        group = groups.setdefault(int(number), Component(int(number), similarity[int(number)]))
        group.files.append(name)
        group.ids.append(int(row))
    return list(groups.values())


def _read_clusters(source: Source, folder: Path | None, nrows: int | None) -> list[Component]:
    """k-means clusters, each picture in the nearest one; the similarity of a cluster is
    1 / (1 + the mean squared distance to its centre)."""
    table = results.read_kmeans(_needed(folder, "comp_type='cluster'"))
    table = table.drop_duplicates("index").head(nrows or len(table))
    groups: dict[int, Component] = {}
    distances: dict[int, list[float]] = defaultdict(list)
    columns = (table[name] for name in ("cluster", "filename", "index", "distance"))
    for number, name, row, distance in zip(*columns, strict=True):
        group = groups.setdefault(int(number), Component(int(number), 0.0))
        group.files.append(name)
        group.ids.append(int(row))
        distances[int(number)].append(distance)
    for number, group in groups.items():
        group.distance = similarity_of_distance(float(np.mean(distances[number])))
    return list(groups.values())


def _add_labels(found: list[Component], given: Labels, folder: Path | None, words: bool) -> None:
    labels = read_labels(given, [name for c in found for name in c.files], folder)
    if labels is None:
        return
    if words:
        labels = [[word for label in own for word in label.split()] for own in labels]
    following = iter(labels)
    for component in found:
        component.labels = [next(following) for _ in component.files]


def _split(found: list[Component], folder: Path, min_similarity: float) -> list[Component]:
    """Components cut into groups that hold together without chains; the first group keeps the
    number, further ones get new numbers after the largest."""
    matrix = open_features(feature_paths(folder)[0]).matrix
    following = max((c.number for c in found), default=0) + 1
    parts = []
    for component in found:
        groups = split_chain(matrix[component.ids], min_similarity)
        kept = [group.tolist() for group in groups if len(group) > 1]
        for i, group in enumerate(kept):
            parts.append(component.take(group, component.number if i == 0 else following))
            following += i > 0
    return parts


def _sliced(
    found: list[Component], slice: str | Collection[str] | None, keyword: str | None
) -> list[Component]:
    if isinstance(slice, str) and slice in ("same", "diff"):
        found = [c for c in found if c.is_uniform == (slice == "same")]
        return [c for c in found if keyword is None or c.has(lambda label: keyword in label)]
    if slice is None and keyword is None:
        return found
    return [c for c in found if c.has(lambda label: _wanted(label, slice, keyword))]


def _wanted(label: str, slice: str | Collection[str] | None, keyword: str | None) -> bool:
    picked = {slice} if isinstance(slice, str) else None if slice is None else set(slice)
    return (picked is None or label in picked) and (keyword is None or keyword in label)


def _visual_table(found: list[Component]) -> pd.DataFrame:
    rows = [(c.number, c.files, c.ids, c.distance, len(c.files)) for c in found]
    table = pd.DataFrame(rows, columns=pd.Index(COLUMNS))
    if any(c.labels for c in found):
        table["label"] = pd.Series(
            [[own[0] if len(own) == 1 else own for own in c.labels] for c in found], dtype=object
        )
    return table


def _label_table(found: list[Component]) -> pd.DataFrame:
    """One row a label: its pictures in any component, and which component each is in."""
    rows: dict[str, tuple[list[str], list[int], list[int], list[float]]] = {}
    for component in found:
        for name, row, own in zip(component.files, component.ids, component.labels, strict=True):
            for label in dict.fromkeys(own):
                files, numbers, ids, distances = rows.setdefault(label, ([], [], [], []))
                files.append(name)
                numbers.append(component.number)
                ids.append(row)
                distances.append(component.distance)
    columns = ("label", "files", "component_id", "files_ids", "distance", "len")
    content = [
        (label, files, numbers, ids, float(np.mean(distances)), len(files))
        for label, (files, numbers, ids, distances) in rows.items()
    ]
    return pd.DataFrame(content, columns=pd.Index(columns))


def _sized(table: pd.DataFrame, min_items: int | None, max_items: int | None) -> pd.DataFrame:
    if min_items is not None:
        table = table[table["len"] >= min_items]
    return table if max_items is None else table[table["len"] <= max_items]


def _means(table: pd.DataFrame, metric: str, folder: Path) -> list[float]:
    """The mean of a statistics column over the pictures of each row."""
    stats = results.read_stats(folder)
    if metric not in stats:
        raise choose("metric", metric, [name for name in METRICS if name in stats])
    values = dict(zip(stats["filename"], stats[metric], strict=True))
    return [float(np.mean([values.get(n, np.nan) for n in files])) for files in table["files"]]
