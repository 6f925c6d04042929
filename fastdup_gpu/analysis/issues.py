"""The issues of the images of a run, in one table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fastdup_gpu.analysis.similarity import (
    edge_similarity,
    near_duplicates_from,
    neighbors_asked,
)
from fastdup_gpu.formats import names, results
from fastdup_gpu.formats.tables import objects

DARK, BRIGHT, FLAT = 25, 235, 8  # of 255: means, and a standard deviation
BLURRED = 50  # a variance of the Laplacian
COLUMNS = ("filename", "issue", "value", "detail")


def issues(work_dir: Path) -> pd.DataFrame:
    """`filename`, `issue`, `value`, `detail`, one row per image and issue.

    See fastdup_gpu.Session.issues.
    """
    results.read_filenames(work_dir)  # raises if there is no run
    found = [table for table in _found(work_dir) if len(table)]
    if not found:
        return pd.DataFrame({name: objects(()) for name in COLUMNS}).astype({"value": float})
    return pd.concat(found, ignore_index=True)


def _found(folder: Path) -> Iterator[pd.DataFrame]:
    """The issues found in the existing files, the worst of each kind first."""
    if (folder / names.BAD_CSV.format(kind=names.TRAIN)).is_file():
        bad = results.read_bad(folder)
        yield _table("bad file", bad["filename"], np.nan, bad["error_code"])
    if (folder / names.SIMILARITY).is_file():
        edges = _edges(folder, "similarity")
        near = edges[edges["distance"] >= near_duplicates_from(folder)]
        yield _nearest("duplicate", near)
    if (folder / names.OUTLIERS).is_file():
        edges = _edges(folder, "outliers")
        listed = edges.groupby("from")["from"].transform("size")
        yield _nearest("outlier", edges[listed >= (neighbors_asked(folder) or listed.max())])[::-1]
    stats = results.read_all_stats(folder)
    if stats is not None and {"mean", "stdv"} <= set(stats):
        yield _statistic("dark", stats[stats["mean"] < DARK], "mean", ascending=True)
        yield _statistic("bright", stats[stats["mean"] > BRIGHT], "mean", ascending=False)
        yield _statistic("one colour", stats[stats["stdv"] < FLAT], "stdv", ascending=True)
    if stats is not None and "blur" in stats:
        yield _statistic("blurred", stats[stats["blur"] < BLURRED], "blur", ascending=True)


def _edges(folder: Path, which: str) -> pd.DataFrame:
    edges = results.read_edges(folder, which=which)
    return edges.assign(distance=edge_similarity(edges, folder))


def _nearest(issue: str, edges: pd.DataFrame) -> pd.DataFrame:
    """Each image once, with its most similar neighbour, the most similar first."""
    edges = edges.sort_values("distance", ascending=False, kind="stable").drop_duplicates("from")
    return _table(issue, edges["from"], edges["distance"], edges["to"])


def _statistic(issue: str, stats: pd.DataFrame, column: str, *, ascending: bool) -> pd.DataFrame:
    ordered = stats.sort_values(column, ascending=ascending, kind="stable")
    return _table(issue, ordered["filename"], ordered[column], column)


def _table(
    issue: str, filenames: pd.Series[str], values: pd.Series[float] | float, details: Any
) -> pd.DataFrame:
    content = {"filename": filenames, "issue": issue, "value": values, "detail": details}
    table = pd.DataFrame(content, columns=pd.Index(COLUMNS))
    return table.astype({"issue": object, "value": float, "detail": object})
