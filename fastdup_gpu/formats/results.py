"""Readers of the result files of a run: one pandas DataFrame for each file.

Names are read literally, never as numbers or missing values; their columns have dtype object,
because names that are not UTF-8 contain surrogate escapes. A `source` is a csv path, a work_dir,
or a DataFrame with the columns of the file.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fastdup_gpu._arguments import path_text
from fastdup_gpu._errors import FormatError, InvalidArgument, WorkDirError
from fastdup_gpu.formats import features, names
from fastdup_gpu.formats.tables import objects, read_table

Source = str | os.PathLike[str] | pd.DataFrame

_STATISTICS = {*names.STATS_COLUMNS, *names.STATS_COLUMNS_ADVANCED} - {"index", "filename"}
EDGE_FILES = {"similarity": names.SIMILARITY, "outliers": names.OUTLIERS}


def read_edges(
    source: Source,
    *,
    which: str = "similarity",
    nrows: int | None = None,
    work_dir: str | os.PathLike[str] | None = None,
    argument: str = "work_dir",
) -> pd.DataFrame:
    """Pairs: `from`, `to` (names), `distance` (float64), in the order of the file.

    `which` is 'similarity' or 'outliers', the file to read if `source` is a folder. Additional
    columns are kept. If both ends are ids, they are replaced by names from the features csv of the
    work_dir. `argument` is what messages call `source`. Raises WorkDirError for a missing file,
    FormatError for a damaged one.
    """
    table = _table(source, EDGE_FILES[which], names.EDGE_COLUMNS, nrows, argument)
    table["distance"] = _numbers(table["distance"], "distance", EDGE_FILES[which]).astype(float)
    return _with_names(table, work_dir_of(source, work_dir))


def read_components(
    source: Source, nrows: int | None = None, work_dir: str | os.PathLike[str] | None = None
) -> pd.DataFrame:
    """Members of components: the columns of the csv and `filename`, one row per image.

    `__id` is the row of an image in the features csv. Singletons have `count` 0.
    """
    table = _table(source, names.COMPONENTS, ("__id", "component_id"), nrows)
    for column in {"__id", "component_id", "mean_distance"} & set(table):
        table[column] = _numbers(table[column], column, names.COMPONENTS)
    if "filename" in table:
        return table
    folder = work_dir_of(source, work_dir)
    if folder is None:
        raise InvalidArgument(
            "components without a column 'filename' need the work_dir; give it, or add the column "
            "(the name in row __id of atrain_features.dat.csv)"
        )
    listed = read_filenames(folder)
    ids = table["__id"].to_numpy()
    if len(ids) and not 0 <= ids.min() <= ids.max() < len(listed):
        raise FormatError(
            f"{names.COMPONENTS} has ids from {ids.min()} to {ids.max()}, but the features csv "
            f"of {folder} names {len(listed)} images; the files are of different runs"
        )
    table["filename"] = objects(listed[i] for i in ids)
    return table


def read_stats(
    source: Source, nrows: int | None = None, argument: str = "work_dir"
) -> pd.DataFrame:
    """Statistics: the columns of the csv, and `size` = width x height in pixels. Raises FormatError
    if a statistic is not a finite number. `argument` is what messages call `source`."""
    file_name = names.STATS_CSV.format(kind=names.TRAIN)
    table = _table(source, file_name, ("filename",), nrows, argument)
    table["filename"] = _texts(table["filename"])
    for column in _STATISTICS & set(table):
        table[column] = _numbers(table[column], column, file_name)
    if "size" not in table and {"width", "height"} <= set(table):
        table["size"] = table["width"] * table["height"]
    return table


def read_all_stats(work_dir: str | os.PathLike[str]) -> pd.DataFrame | None:
    """Statistics of the images of a run, then of its test images; None if there are none."""
    folder = Path(work_dir)
    paths = [folder / names.STATS_CSV.format(kind=kind) for kind in (names.TRAIN, names.TEST)]
    tables = [read_stats(path) for path in paths if path.is_file()]
    return pd.concat(tables, ignore_index=True) if tables else None


def read_kmeans(work_dir: Source) -> pd.DataFrame:
    """Assignments: `index`, `filename`, `cluster`, `distance` (squared L2); for each image one row
    for each of its nearest centroids, nearest first."""
    return _table(work_dir, names.KMEANS_ASSIGNMENTS, names.KMEANS_COLUMNS, None)


def read_bad(work_dir: str | os.PathLike[str]) -> pd.DataFrame:
    """Files that could not be used: `index` in the input list, `filename`, `error_code`,
    `filesize` (-1 for a missing file)."""
    return _table(work_dir, names.BAD_CSV.format(kind=names.TRAIN), names.BAD_COLUMNS, None)


def read_filenames(work_dir: str | os.PathLike[str]) -> list[str]:
    """The names of the good images, in the order of their ids."""
    return features.read_filenames(features.feature_paths(Path(work_dir))[1])


def read_test_filenames(work_dir: str | os.PathLike[str]) -> list[str]:
    """The names of the good images of test_dir, [] if the run had none."""
    path = features.feature_paths(Path(work_dir), names.TEST)[1]
    return features.read_filenames(path) if path.is_file() else []


def work_dir_of(source: object, work_dir: str | os.PathLike[str] | None = None) -> Path | None:
    """The work_dir of a source: `work_dir` if given, else the folder itself, the folder of the csv
    if it contains the features csv, or the existing folder in attrs["work_dir"] of a DataFrame;
    else None."""
    if work_dir is not None:
        path = Path(path_text("work_dir", work_dir))
        if not path.is_dir():
            raise WorkDirError(f"work_dir={str(path)!r} is not a folder")
        return path
    if isinstance(source, pd.DataFrame):
        made_of = source.attrs.get("work_dir")
        # The value may be any text; this test is also False for what cannot be a path.
        if isinstance(made_of, str | os.PathLike) and os.path.isdir(made_of):  # noqa: PTH112
            return Path(made_of)
        return None
    if not isinstance(source, str | os.PathLike):
        return None
    path = Path(source)
    if path.is_dir():
        return path
    return path.parent if features.feature_paths(path.parent)[1].is_file() else None


def _table(
    source: Source,
    file_name: str,
    needed: Sequence[str],
    nrows: int | None,
    argument: str = "work_dir",
) -> pd.DataFrame:
    """A new DataFrame (the caller's is copied) with at least the columns `needed`. If it was read
    from a run, attrs names the work_dir."""
    if isinstance(source, pd.DataFrame):
        table, shown = (source if nrows is None else source.head(nrows)).copy(), "the DataFrame"
        table = table.reset_index(drop=True)
    elif isinstance(source, str | os.PathLike):
        path = Path(path_text(argument, source))
        path = path / file_name if path.is_dir() else path
        table, shown = read_table(path, nrows), str(path)
        folder = work_dir_of(source)
        table.attrs = {} if folder is None else {"work_dir": str(folder.absolute())}
    else:
        raise InvalidArgument(
            f"{argument} is of type {type(source).__name__}; expected a work_dir, a csv file or a "
            "DataFrame"
        )
    missing = [column for column in needed if column not in table]
    if missing:
        raise FormatError(
            f"{shown} has the columns {list(table)}, but {', '.join(missing)} of {file_name} is "
            "missing"
        )
    return table


def _with_names(table: pd.DataFrame, work_dir: Path | None) -> pd.DataFrame:
    """Replace ids in `from` and `to` by names; anything else is converted to text."""
    ends = {end: _texts(table[end]) for end in ("from", "to")}
    found = set(ends["from"]) | set(ends["to"])
    if found and work_dir is not None and all(cell.isdecimal() for cell in found):
        by_id = _names_by_id(work_dir)
        if not found <= set(by_id.values()):
            unknown = sorted(found - set(by_id))
            if unknown:
                raise FormatError(f"ids such as {unknown[0]} are not in the files of {work_dir}")
            ends = {end: objects(by_id[cell] for cell in cells) for end, cells in ends.items()}
    return table.assign(**ends)


def _numbers(cells: pd.Series[Any], column: str, file_name: str) -> pd.Series[Any]:
    """Cells as numbers; raises FormatError if one is missing or not a finite number."""
    numbers = pd.to_numeric(cells, errors="coerce")
    wrong = ~np.isfinite(numbers.to_numpy(np.float64))
    if wrong.any():
        row = int(wrong.argmax())
        raise FormatError(
            f"column {column!r} of {file_name} contains {str(cells.iloc[row])!r} in row {row + 1}; "
            "expected finite numbers"
        )
    return numbers


def _texts(cells: pd.Series[Any]) -> pd.Series[Any]:
    whole = cells.dtype == object and pd.api.types.infer_dtype(cells, skipna=False) == "string"
    return cells if whole else objects(map(_text, cells))


def _text(cell: object) -> str:
    if isinstance(cell, os.PathLike):
        return os.fsdecode(cell)
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _names_by_id(work_dir: Path) -> dict[str, str]:
    path = features.feature_paths(work_dir)[1]
    if not path.is_file():
        return {}
    table = _table(path, path.name, names.FEATURES_COLUMNS, None)
    return dict(zip(map(str, table["index"]), table["filename"], strict=True))
