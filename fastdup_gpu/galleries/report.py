"""One page about a whole run: overview, duplicates, groups, outliers, labels, statistics, map."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fastdup_gpu._arguments import path_text
from fastdup_gpu._errors import BackendUnavailable, MissingDependency
from fastdup_gpu.analysis.nearest import nearest
from fastdup_gpu.formats import names, results
from fastdup_gpu.formats.features import feature_paths, open_features
from fastdup_gpu.galleries import words
from fastdup_gpu.galleries.album import Album, shown
from fastdup_gpu.galleries.aspect_ratio import aspect_ratio_view, with_ratio
from fastdup_gpu.galleries.components import components_view, select_groups
from fastdup_gpu.galleries.duplicates import duplicates_view, select_pairs
from fastdup_gpu.galleries.embedding import map_view
from fastdup_gpu.galleries.options import check_keywords, make_options
from fastdup_gpu.galleries.outliers import outliers_view, select_outliers
from fastdup_gpu.galleries.overview import overview_view, similarity_marks
from fastdup_gpu.galleries.render import Page, View, publish
from fastdup_gpu.galleries.select import curve, ranked
from fastdup_gpu.galleries.similarity import select_rows, similarity_view
from fastdup_gpu.galleries.stats import stats_view

METRICS = ("blur", "mean", "stdv", "size", "file_size", "unique", "contrast")
BAD_ROWS = 1000
NEIGHBORS = 8  # that the label of an image is compared with
SEARCHED = 5000  # at most so many images are searched against all others
KNOWN = ("get_label_func", "get_bounding_box_func", "input_dir", "lazy_load", "num_images")


@dataclass(slots=True)
class Findings:
    """The tables of a run that the page is made of (None for a missing file), the similarities that
    it reports (`marks`), and how many pairs each threshold leaves (`curve`)."""

    filenames: list[str]
    marks: list[float]
    of_test: int = 0  # images of test_dir, which `filenames` does not contain
    pairs: pd.DataFrame | None = None
    curve: list[list[float]] = field(default_factory=list)
    groups: pd.DataFrame | None = None
    outliers: pd.DataFrame | None = None
    rows: pd.DataFrame | None = None
    stats: pd.DataFrame | None = None
    bad: pd.DataFrame | None = None
    views: list[View] = field(default_factory=list)


def write_report(
    work_dir: str | os.PathLike[str],
    save_path: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Path:
    """Write one HTML page about the run in `work_dir`; returns its path.

    save_path: a folder, or a name ending in .html; by default report.html in `work_dir`.
    options: num_images (entries of each tab, default 60; 0 = all), get_label_func (adds a tab
    about labels), get_bounding_box_func, input_dir, lazy_load, as in the galleries.

    There is a tab for each result file that exists. Raises WorkDirError if `work_dir` has no
    features csv, InvalidArgument for wrong arguments, FormatError for damaged files.
    """
    source = Path(path_text("work_dir", work_dir))
    results.work_dir_of(None, source)  # raises WorkDirError if it is not a folder
    target = source if save_path is None else Path(path_text("save_path", save_path))
    stem = target.stem if target.suffix == ".html" else "report"
    folder = target.parent if target.suffix == ".html" else target
    check_keywords(options, KNOWN)
    arguments = {"save_path": folder, "work_dir": source, "num_images": 60, "how": "all"}
    album = Album(make_options({**arguments, **options}, {}), source)
    found = read_findings(album, source)
    views = [overview_view(album, found), *found.views]
    subtitle = words.count(len(found.filenames), "image")
    if found.of_test:
        subtitle += f", {words.count(found.of_test, 'image')} of test_dir"
    return publish(Page(stem, "Report", subtitle, views), album)


def read_findings(album: Album, folder: Path) -> Findings:
    """Read the existing files and make a view of each."""
    found = Findings(
        results.read_filenames(folder),
        similarity_marks(folder),
        len(results.read_test_filenames(folder)),
    )
    if (folder / names.SIMILARITY).is_file():
        found.pairs = select_pairs(album, results.read_edges(folder))
        found.curve = curve(found.pairs, found.marks)
        found.views.append(duplicates_view(album, found.pairs, found.curve, found.marks[0]))
    if (folder / names.COMPONENTS).is_file():
        found.groups = select_groups(folder, album.options)
        found.views.append(components_view(album, found.groups))
    if (folder / names.OUTLIERS).is_file():
        found.outliers = select_outliers(album, results.read_edges(folder, which="outliers"))
        found.views.append(outliers_view(album, found.outliers))
    if found.pairs is not None and album.options.get_label_func is not None:
        found.rows = _label_rows(album, folder)
        found.views.append(similarity_view(album, found.rows))
    found.stats = results.read_all_stats(folder)
    if found.stats is not None:
        found.views.append(_stats_view(album, found.stats))
    found.views += filter(None, [_map_view(album, folder, found)])
    if (folder / names.BAD_CSV.format(kind=names.TRAIN)).is_file():
        found.bad = results.read_bad(folder)
        found.views.append(_bad_view(found.bad))
    return found


def _label_rows(album: Album, folder: Path) -> pd.DataFrame:
    """Rows of the similarity gallery, the lowest score first. A small run is searched again,
    because similarity.csv leaves out neighbours below the run's threshold."""
    own = Album(replace(album.options, descending=False, max_items=NEIGHBORS), folder)
    edges = _searched(folder)
    if edges is None:
        return select_rows(own, results.read_edges(folder))
    return select_rows(own, edges, cosine=True)


def _searched(folder: Path) -> pd.DataFrame | None:
    """The nearest images of each image by features; None if there are none or too many, or if no
    backend is installed to search with."""
    dat = feature_paths(folder)[0]
    features = open_features(dat) if dat.is_file() else None
    if features is None or len(features.filenames) > SEARCHED:
        return None
    try:  # searching so few is faster than opening a GPU
        ids, values = nearest(features.matrix, NEIGHBORS, "cpu")
    except (BackendUnavailable, MissingDependency):
        return None
    named = np.array(features.filenames, dtype=object)
    return pd.DataFrame(
        {
            "from": pd.Series(np.repeat(named, ids.shape[1]), dtype=object),
            "to": pd.Series(named[ids.ravel()], dtype=object),
            "distance": values.ravel().astype(float),
        }
    )


def _map_view(album: Album, folder: Path, found: Findings) -> View | None:
    grouped = (
        {n for files in found.groups["files"] for n in files} if found.groups is not None else {}
    )
    outlying = set(found.outliers["from"]) if found.outliers is not None else set()
    return map_view(album, folder, grouped, outlying)


def _stats_view(album: Album, stats: pd.DataFrame) -> View:
    views = [_both_ends(album, stats, metric) for metric in METRICS if metric in stats]
    if {"width", "height"} <= set(stats):
        views.append(aspect_ratio_view(album, with_ratio(stats)))
    return {
        "id": "statistics",
        "title": "Statistics",
        "kind": "choice",
        "label": "Statistic",
        "views": views,
        "items": [],
    }


def _both_ends(album: Album, stats: pd.DataFrame, metric: str) -> View:
    """The smallest and the largest values of a statistic."""
    table = ranked(stats, metric, descending=False)
    most = min(album.options.num_images or len(table), 24)
    view = stats_view(album, table, metric, _ends(len(table), most))
    intro = f"The {most} smallest and the {most} largest values."
    return view | {"intro": f"{view['intro']} {intro}".strip()}


def _ends(length: int, most: int) -> list[int]:
    return sorted({*range(min(most, length)), *range(max(0, length - most), length)})


def _bad_view(bad: pd.DataFrame) -> View:
    shown_rows = bad.head(BAD_ROWS)
    columns = [shown_rows[c].tolist() for c in ("filename", "error_code", "filesize")]
    return {
        "id": "bad",
        "title": "Bad files",
        "kind": "table",
        "columns": ["File", "Reason", "Bytes"],
        "numeric": [2],
        "rows": [[shown(n), shown(str(e)), s] for n, e, s in zip(*columns, strict=True)],
        "more": max(0, len(bad) - BAD_ROWS),
        "file": names.BAD_CSV.format(kind=names.TRAIN),
        "empty": "Every file could be read.",
    }
