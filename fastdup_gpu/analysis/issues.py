"""The issues of the images of a run, in one table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from fastdup_gpu.analysis.ranking import rank_outliers
from fastdup_gpu.analysis.similarity import (
    edge_similarity,
    near_duplicates_from,
    neighbors_asked,
)
from fastdup_gpu.formats import names, results
from fastdup_gpu.formats.tables import objects

DARK, BRIGHT, FLAT = 25, 235, 8  # of 255: means, and a standard deviation
BLURRED = 50  # a variance of the Laplacian
LONG = 3  # the longer side over the shorter one
UNLIKE = 10  # times as many pixels as the median image, or as few
_SAME = 1 - 1e-6  # a similarity of 1 to six decimals
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
        same = near["from"].isin(near["from"][near["distance"] >= _SAME])
        yield _nearest("duplicate", near[same])
        yield _nearest("near duplicate", near[~same])
    if (folder / names.OUTLIERS).is_file():
        found = rank_outliers(_edges(folder, "outliers"), "all", neighbors_asked(folder))
        yield _table("outlier", found["from"], found["distance"], found["to"])
    stats = results.read_all_stats(folder)
    if stats is not None:
        yield from (_statistic(one, stats) for one in unusual(stats))


class Unusual(NamedTuple):
    """Images with unusual `values` of a statistic, called `name`: `fits` tells which, `worst_last`
    whether the largest values are the worst; `label` and `note` are for people."""

    issue: str
    name: str
    values: pd.Series[Any]
    fits: pd.Series[bool]
    worst_last: bool
    label: str
    note: str


def unusual(stats: pd.DataFrame) -> Iterator[Unusual]:
    """The kinds of unusual images that a table of statistics can tell."""

    def below(issue: str, name: str, limit: float, label: str, note: str) -> Unusual:
        values = stats[name]
        return Unusual(issue, name, values, values < limit, False, label, f"{note} below {limit}")

    if {"mean", "stdv"} <= set(stats):
        yield below("dark", "mean", DARK, "Very dark", "mean")
        mean, note = stats["mean"], f"mean above {BRIGHT}"
        yield Unusual("bright", "mean", mean, mean > BRIGHT, True, "Very bright", note)
        yield below("one colour", "stdv", FLAT, "Of one colour", "deviation")
    if "blur" in stats:
        yield below("blurred", "blur", BLURRED, "Blurred", "sharpness")
    if {"width", "height"} <= set(stats) and len(stats):
        sides = stats[["width", "height"]]
        ratio, note = sides.max(axis=1) / sides.min(axis=1), f"one side over {LONG} times the other"
        yield Unusual("odd shape", "ratio", ratio, ratio > LONG, True, "Long and narrow", note)
        size = stats["width"] * stats["height"]
        usual, note = float(size.median()), f"over {UNLIKE} times the pixels of most images"
        yield Unusual("large", "size", size, size > UNLIKE * usual, True, "Very large", note)
        note = f"under 1/{UNLIKE} of the pixels of most images"
        yield Unusual("small", "size", size, size * UNLIKE < usual, False, "Very small", note)


def _edges(folder: Path, which: str) -> pd.DataFrame:
    edges = results.read_edges(folder, which=which)
    return edges.assign(distance=edge_similarity(edges, folder))


def _nearest(issue: str, edges: pd.DataFrame) -> pd.DataFrame:
    """Each image once, with its most similar neighbour, the most similar first."""
    edges = edges.sort_values("distance", ascending=False, kind="stable").drop_duplicates("from")
    return _table(issue, edges["from"], edges["distance"], edges["to"])


def _statistic(one: Unusual, stats: pd.DataFrame) -> pd.DataFrame:
    values = one.values[one.fits].sort_values(ascending=not one.worst_last, kind="stable")
    return _table(one.issue, stats["filename"].loc[values.index], values, one.name)


def _table(
    issue: str, filenames: pd.Series[str], values: pd.Series[float] | float, details: Any
) -> pd.DataFrame:
    content = {"filename": filenames, "issue": issue, "value": values, "detail": details}
    table = pd.DataFrame(content, columns=pd.Index(COLUMNS))
    return table.astype({"issue": object, "value": float, "detail": object})
