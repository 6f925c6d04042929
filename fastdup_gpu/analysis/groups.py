"""The table of find_top_components() as written and read: groups of pictures."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from fastdup_gpu._errors import FormatError, InvalidArgument
from fastdup_gpu.analysis.annotations import as_labels
from fastdup_gpu.analysis.removal import Origin
from fastdup_gpu.formats.files import parse_json, read_csv, write_csv

FILE_NAME = "top_components.csv"
COLUMNS = ("component_id", "files", "files_ids", "distance", "len")
_LISTS = ("files", "files_ids", "label", "component_id")


@dataclass(slots=True)
class Group:
    """One component: its number, its similarity, and the labels of each of its pictures."""

    component: int
    distance: float
    members: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Groups:
    """All groups of a table, and the run they come from."""

    groups: list[Group]
    origin: Origin


def read_groups(table: pd.DataFrame | str | os.PathLike[str], argument: str) -> Groups:
    """The components of a table of find_top_components(), or of a csv that it wrote.

    A table grouped by label is taken apart again: pictures of one component form one group.
    Raises InvalidArgument for anything else.
    """
    written = None
    if isinstance(table, str | os.PathLike):
        path = Path(table) / FILE_NAME if Path(table).is_dir() else Path(table)
        table = read_table(path)
        written = path.stat().st_mtime_ns
    if not isinstance(table, pd.DataFrame) or not set(COLUMNS) - {"files_ids", "len"} <= set(table):
        raise InvalidArgument(
            f"{argument} is {_shown(table)}; expected the DataFrame of find_top_components() "
            "with the columns component_id, files and distance"
        )
    work_dir = table.attrs.get("work_dir")
    known = Path(work_dir) if work_dir is not None else None
    return Groups(_groups(table), Origin(known, written))


def _shown(table: object) -> str:
    if isinstance(table, pd.DataFrame):
        return f"a DataFrame with the columns {list(table)}"
    return type(table).__name__


def _groups(table: pd.DataFrame) -> list[Group]:
    found: dict[int, Group] = {}
    for row in table.to_dict("records"):
        distance = float(row["distance"])
        for component, name, label in _members(row):
            group = found.setdefault(component, Group(component, distance))
            group.distance = min(group.distance, distance)
            group.members.setdefault(name, []).extend(as_labels(label))
    return list(found.values())


def _members(row: dict[Any, Any]) -> Iterator[tuple[int, str, Any]]:
    """Component, name and label of each picture of a row, whatever the table is grouped by."""
    files, components, labels = row["files"], row["component_id"], row.get("label")
    if not isinstance(components, list):
        components = [components] * len(files)
    if not isinstance(labels, list):
        labels = [labels] * len(files)
    for component, name, label in zip(components, files, labels, strict=True):
        yield int(component), name, label


def write_table(table: pd.DataFrame, save_path: str | os.PathLike[str]) -> Path:
    """Write a table as csv, its lists as JSON; `save_path` is a folder or a name ending in
    .csv."""
    path = Path(save_path)
    path = path if path.suffix == ".csv" else path / FILE_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    coded = {c: [json.dumps(v) if c in _LISTS else v for v in table[c]] for c in table}
    write_csv(path, [str(c) for c in coded], zip(*coded.values(), strict=True))
    return path


def read_table(path: Path) -> pd.DataFrame:
    """The table of a csv of write_table()."""
    header, rows = read_csv(path)
    try:
        columns = {name: _cells(name, (row[i] for row in rows)) for i, name in enumerate(header)}
    except (ValueError, IndexError) as error:
        raise FormatError(f"{path} is no table of find_top_components(): {error}") from error
    return pd.DataFrame(columns)


def _cells(name: str, cells: Iterable[str]) -> list[Any]:
    if name in _LISTS:
        return [parse_json(cell) for cell in cells]
    return [float(cell) for cell in cells]
