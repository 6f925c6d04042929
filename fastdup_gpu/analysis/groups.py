"""Reads and writes the table of find_top_components(): groups of images."""

from __future__ import annotations

import ast
import csv
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

import pandas as pd

from fastdup_gpu._arguments import has_entries, path_text
from fastdup_gpu._errors import FormatError, InvalidArgument
from fastdup_gpu.analysis.annotations import as_labels
from fastdup_gpu.analysis.removal import Origin
from fastdup_gpu.formats import results
from fastdup_gpu.formats.files import READING, parse_json, prepare_folder, read_csv, write_csv

FILE_NAME = "top_components.csv"
COLUMNS = ("component_id", "files", "files_ids", "distance", "len")
DISTANCES = "component_distance"  # in tables grouped by label: that of each file's component
_LISTS = ("files", "files_ids", "label", "component_id", DISTANCES)
_WORK_DIR = "work_dir"  # a column of the csv, an attribute of the table


@dataclass(slots=True)
class Group:
    """One component: its number, its similarity, the labels of each of its images, and their
    rows in the features csv if the table has them."""

    component: int
    distance: float
    members: dict[str, list[str]] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Groups:
    """All groups of a table, and the run they come from."""

    groups: list[Group]
    origin: Origin


def read_groups(table: pd.DataFrame | str | os.PathLike[str], argument: str) -> Groups:
    """The components of a table of find_top_components(), or of a csv that it wrote.

    A table grouped by label is regrouped: images of one component form one group.
    Raises InvalidArgument for anything else.
    """
    written = None
    if isinstance(table, str | os.PathLike):
        path = Path(table) / FILE_NAME if Path(table).is_dir() else Path(table)
        table = read_table(path)
        written = path.stat().st_mtime_ns
    if not is_table(table) or "distance" not in table:
        raise InvalidArgument(
            f"{argument} is {_shown(table)}; expected the DataFrame of find_top_components() "
            "with the columns component_id, files and distance"
        )
    try:
        groups = _groups(table)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidArgument(
            f"{argument} is not a table of find_top_components(): {error}"
        ) from error
    return Groups(groups, Origin(results.work_dir_of(table), written))


def is_table(table: object) -> TypeGuard[pd.DataFrame]:
    """Whether this looks like a DataFrame of find_top_components()."""
    return isinstance(table, pd.DataFrame) and {"component_id", "files"} <= set(table)


def _shown(table: object) -> str:
    if isinstance(table, pd.DataFrame):
        return f"a DataFrame with the columns {list(table)}"
    return type(table).__name__


def _groups(table: pd.DataFrame) -> list[Group]:
    found: dict[int, Group] = {}
    for row in table.to_dict("records"):
        count = len(_listed(row["files"]))
        for column in ("label", "files_ids"):
            if isinstance(row.get(column), list) and len(row[column]) != count:
                raise ValueError(
                    f"a row has {count} entries in files but {len(row[column])} in {column}; "
                    "remove the same entries from both, or drop that column"
                )
        labels, ids = (_each(row.get(column), count) for column in ("label", "files_ids"))
        members = zip(_listed(row["files"]), *_components(row, count), labels, ids, strict=True)
        for name, component, distance, label, number in members:
            group = found.setdefault(component, Group(component, distance))
            name = path_text("file name", name)
            group.members.setdefault(name, []).extend(as_labels(label))
            if number is not None:
                group.ids[name] = _whole(number)
    return list(found.values())


def _components(row: dict[Any, Any], count: int) -> tuple[list[int], list[float]]:
    """The component of each image of a row, and its similarity, however the table is grouped."""
    components = [_whole(number) for number in _each(row["component_id"], count)]
    distances = row.get(DISTANCES)
    if distances is None and len(set(components)) > 1:
        raise ValueError(
            f"rows with several components need the column {DISTANCES}, the similarity of each "
            "file's component"
        )
    given = row["distance"] if distances is None else distances
    return components, [float(distance) for distance in _each(given, count)]


def _listed(cell: Any) -> list[Any]:
    if not has_entries(cell):
        raise TypeError(
            f"files contains {cell!r}, expected lists of names; for a csv, give its path instead "
            "of what pandas reads from it"
        )
    return list(cell)


def _each(cell: Any, count: int) -> list[Any]:
    """An entry for each image, from a list or from a value that holds for all."""
    return list(cell) if has_entries(cell) else [cell] * count


def _whole(number: Any) -> int:
    if number != int(number):
        raise ValueError(f"{number!r} is not a whole number")
    return int(number)


def write_table(table: pd.DataFrame, save_path: str | os.PathLike[str]) -> Path:
    """Write a table as csv, with lists as JSON and the work_dir of its run in a column; `save_path`
    is a folder or a name ending in .csv. Raises WorkDirError if it cannot be written."""
    path = Path(save_path)
    path = path if path.suffix == ".csv" and not path.is_dir() else path / FILE_NAME
    prepare_folder(path.parent, "save_path")
    coded = {c: [json.dumps(v) if c in _LISTS else v for v in table[c]] for c in table}
    if _WORK_DIR in table.attrs:
        coded[_WORK_DIR] = [table.attrs[_WORK_DIR]] * len(table)
    write_csv(path, [str(c) for c in coded], zip(*coded.values(), strict=True))
    return path


def opened(source: Any) -> Any:
    """The table in a csv of write_table(); anything else unchanged."""
    if not isinstance(source, str | os.PathLike) or not Path(source).is_file():
        return source
    with Path(source).open(**READING) as stream:  # type: ignore[call-overload]
        header = set(next(csv.reader(stream), ()))
    return read_table(Path(source)) if {"component_id", "files"} <= header else source


def read_table(path: Path) -> pd.DataFrame:
    """The table in a csv of write_table(), or of DataFrame.to_csv() for the same table."""
    header, rows = read_csv(path)
    try:
        columns = {name: _cells(name, (row[i] for row in rows)) for i, name in enumerate(header)}
    except (ValueError, IndexError) as error:
        raise FormatError(f"{path} is not a table of find_top_components(): {error}") from error
    runs = set(columns.pop(_WORK_DIR, ()))
    if len(runs) > 1:
        raise FormatError(f"{path} has rows of several runs in work_dir; give one csv per run")
    table = pd.DataFrame(columns)
    if run := "".join(runs):
        table.attrs[_WORK_DIR] = run
    return table


def _cells(name: str, cells: Iterable[str]) -> list[Any]:
    if name in _LISTS:
        return [_parsed(name, cell) for cell in cells]
    if name == _WORK_DIR:
        return list(cells)
    return [float(cell) for cell in cells]


def _parsed(name: str, cell: str) -> Any:
    """A list as write_table() writes it, or as DataFrame.to_csv() does, and its plain labels."""
    try:
        return parse_json(cell)
    except ValueError:
        try:
            return ast.literal_eval(cell)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
            if name == "label":
                return cell
            raise ValueError(f"{cell!r:.100} is not a list") from error
