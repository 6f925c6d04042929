"""Groups of images as they are read: components of a run, k-means clusters, rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from fastdup_gpu._errors import InvalidArgument
from fastdup_gpu.analysis.chaining import split_chain
from fastdup_gpu.analysis.groups import Group, read_groups
from fastdup_gpu.analysis.similarity import (
    component_similarity,
    holds_similarities,
    mean_cosine,
    similarity_of_distance,
    stored_similarity,
)
from fastdup_gpu.formats import results
from fastdup_gpu.formats.features import feature_paths, open_features
from fastdup_gpu.protocol import F32


@dataclass(slots=True)
class Component:
    """One group: its number, its similarity, and its images (names, ids, labels); `offsets`
    are the squared distances of the images of a cluster to its centre."""

    number: int
    distance: float
    files: list[str] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    labels: list[list[str]] = field(default_factory=list)
    offsets: list[float] = field(default_factory=list)

    def take(self, positions: Sequence[int], number: int) -> Component:
        """A part of the group with its own number. Its similarity is not known yet, unless it is
        the whole group or a part of a cluster."""
        whole = len(positions) == len(self.files)
        part = Component(
            number,
            self.distance if whole else float("nan"),
            [self.files[i] for i in positions],
            [self.ids[i] for i in positions],
            [self.labels[i] for i in positions] if self.labels else [],
            [self.offsets[i] for i in positions] if self.offsets else [],
        )
        part.measure_offsets()
        return part

    def measure_offsets(self) -> None:
        """The similarity of a cluster: 1 / (1 + the mean squared distance to its centre)."""
        if self.offsets:
            self.distance = similarity_of_distance(float(np.mean(self.offsets)))

    @property
    def kinds(self) -> int:
        """How many different labels its images have; 0 if none of them is labelled."""
        return len({label for own in self.labels for label in own})


def needed(folder: Path | None, argument: str) -> Path:
    """The work_dir, which an argument requires."""
    if folder is None:
        raise InvalidArgument(f"{argument} needs the files of the run: give its work_dir")
    return folder


def read_components(
    source: results.Source, folder: Path | None, nrows: int | None, *, alone: bool = False
) -> list[Component]:
    """Components of at least two images; with `alone` also those of one, with similarity 0."""
    table = results.read_components(source, nrows=nrows, work_dir=folder)
    several = table.duplicated("component_id", keep=False)
    similarity = component_similarity(table[several], folder)
    if alone:
        similarity |= {int(number): 0.0 for number in table.loc[~several, "component_id"]}
    else:
        table = table[several]
    groups: dict[int, Component] = {}
    rows = zip(table["component_id"], table["filename"], table["__id"], strict=True)
    for number, name, row in rows:
        group = groups.setdefault(int(number), Component(int(number), similarity[int(number)]))
        group.files.append(name)
        group.ids.append(int(row))
    return list(groups.values())


def read_clusters(folder: Path | None, nrows: int | None) -> list[Component]:
    """k-means clusters, each image in the nearest one."""
    table = results.read_kmeans(needed(folder, "comp_type='cluster'"))
    table = table.drop_duplicates("index").head(len(table) if nrows is None else nrows)
    groups: dict[int, Component] = {}
    columns = (table[name] for name in ("cluster", "filename", "index", "distance"))
    for number, name, row, distance in zip(*columns, strict=True):
        group = groups.setdefault(int(number), Component(int(number), 0.0))
        group.files.append(name)
        group.ids.append(int(row))
        group.offsets.append(distance)
    for group in groups.values():
        group.measure_offsets()
    return list(groups.values())


def read_top_components(
    table: pd.DataFrame, folder: Path | None, nrows: int | None
) -> list[Component]:
    """The groups of a table of find_top_components(), with its labels."""
    found = read_groups(table if nrows is None else table.head(nrows), "work_dir").groups
    _add_ids(found, folder)
    return [
        Component(
            group.component,
            group.distance,
            list(group.members),
            [group.ids[name] for name in group.members],
            list(group.members.values()) if "label" in table else [],
        )
        for group in found
    ]


def _add_ids(found: Sequence[Group], folder: Path | None) -> None:
    """Look up the row of each image in the features csv where the table does not give it."""
    unknown = [(g, name) for g in found for name in g.members if name not in g.ids]
    if not unknown:
        return
    listed = results.read_filenames(needed(folder, "a table without files_ids"))
    row_of = {name: row for row, name in enumerate(listed)}
    for group, name in unknown:
        if name not in row_of:
            raise InvalidArgument(f"the table lists {name!r}, which is not an image of {folder}")
        group.ids[name] = row_of[name]


def split(
    found: Sequence[Component], folder: Path, min_similarity: float, *, alone: bool = False
) -> list[Component]:
    """Components split into groups that are connected without chains; the first group keeps the
    number, further ones get new numbers after the largest. With `alone`, images that are split
    off, or were alone before, stay as groups of one, with similarity 0."""
    matrix = open_features(feature_paths(folder)[0]).matrix
    following = max((c.number for c in found), default=0) + 1
    parts = []
    for component in found:
        groups = split_chain(matrix[component.ids], min_similarity)
        kept = [group.tolist() for group in groups if alone or len(group) > 1]
        for i, group in enumerate(kept):
            part = component.take(group, component.number if i == 0 else following)
            if len(group) == 1 and not part.offsets:
                part.distance = 0.0
            parts.append(part)
            following += i > 0
    _measure([part for part in parts if np.isnan(part.distance)], matrix, folder)
    return parts


def _measure(parts: Sequence[Component], matrix: F32, folder: Path) -> None:
    """The mean similarity of the pairs of each part, as for a whole component; if similarity.csv
    has no such pair and the metric is cosine, that of all its pairs, by their features."""
    if not parts:
        return
    stored = stored_similarity({name: part.number for part in parts for name in part.files}, folder)
    cosine = holds_similarities(folder)
    for part in parts:
        part.distance = stored[part.number]
        if np.isnan(part.distance) and cosine:
            part.distance = mean_cosine(matrix[part.ids])
