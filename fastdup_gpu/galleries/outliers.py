"""The gallery of outliers: each beside a neighbour, the least similar first."""

from __future__ import annotations

from typing import Any

import pandas as pd

from fastdup_gpu.analysis.ranking import rank_outliers
from fastdup_gpu.analysis.similarity import edge_similarity, neighbors_asked
from fastdup_gpu.formats import results
from fastdup_gpu.galleries import words
from fastdup_gpu.galleries.album import Album
from fastdup_gpu.galleries.options import make_options
from fastdup_gpu.galleries.render import Page, View, publish, slider
from fastdup_gpu.galleries.select import slice_mask

INTRO = (
    "Each image is shown beside one of the images most similar to it. The less similar the two "
    "are, the more likely it is that the first one does not belong here."
)


def create_outliers_gallery(outliers_file: Any, kwargs: dict[str, Any], **given: Any) -> None:
    """Write outliers.html; see the public function for the arguments."""
    options = make_options(given, kwargs)
    album = Album(options, results.work_dir_of(outliers_file, options.work_dir))
    edges = results.read_edges(
        outliers_file,
        which="outliers",
        nrows=options.nrows,
        work_dir=album.work_dir,
        argument="outliers_file",
    )
    table = select_outliers(album, edges)
    view = outliers_view(album, table)
    subtitle = f"{words.count(len(table), 'image')}{words.similarity_text(table)}"
    page = Page("outliers", "Outliers", subtitle, [view], page_width=options.max_width)
    publish(page, album, table)


def select_outliers(album: Album, edges: pd.DataFrame) -> pd.DataFrame:
    """Outliers ranked as `how` says, and sliced."""
    edges = edges.assign(distance=edge_similarity(edges, album.work_dir))
    how = album.options.how
    table = rank_outliers(edges, how, neighbors_asked(album.work_dir) if how == "all" else None)
    labels = album.labels([*table["from"], *table["to"]])
    if labels is None:
        return table
    table["label"] = pd.Series([labels[name] for name in table["from"]], dtype=object)
    table["label2"] = pd.Series([labels[name] for name in table["to"]], dtype=object)
    wanted = album.options.slice
    if wanted is None:
        return table
    others = table["label2"].tolist() if wanted in ("same", "diff") else None
    kept = slice_mask(wanted, table["label"].tolist(), others, album.labels_everywhere)
    return table[kept].reset_index(drop=True)


def outliers_view(album: Album, table: pd.DataFrame) -> View:
    """The view of the first `num_images` outliers, with a slider over all of them."""
    listed = table.iloc[: album.options.shown]
    columns = (listed["from"], listed["to"], listed["distance"].tolist())
    view: View = {
        "id": "outliers",
        "title": "Outliers",
        "kind": "pairs",
        "intro": INTRO,
        "noun": ["outlier", "outliers"],
        "empty": "No outliers are listed.",
        "suggest": "Mark the outliers shown",
        "items": [_item(album, *row) for row in zip(*columns, strict=True)],
    }
    rows = _steps(table)
    if len(rows) > 1:
        view["slider"] = slider("Similarity", "≤", rows, rows[-1][0], "{0 outlier}")
    return view


def _item(album: Album, outlier: str, neighbor: str, similarity: float) -> dict[str, Any]:
    indices = [album.add(outlier), album.add(neighbor)]
    return {
        "p": indices,
        "v": round(similarity, 6),
        "value": words.similarity(similarity),
        "sub": "similarity",
        "roles": ["Outlier", "Neighbour"],
        "drop": indices[:1],
    }


def _steps(table: pd.DataFrame, steps: int = 60) -> list[list[float]]:
    """Rows `threshold, outliers up to it` from the least to the most similar."""
    if table.empty:
        return []
    values = table["distance"].to_numpy()
    low, high = float(values[0]), float(values[-1])
    marks = [low + (high - low) * i / steps for i in range(1, steps + 1)]
    marks = [-(-mark * 1000 // 1) / 1000 for mark in marks]  # up, so that the last holds all
    unique = sorted(set(marks))
    return [[mark, int((values <= mark + 1e-9).sum())] for mark in unique]
