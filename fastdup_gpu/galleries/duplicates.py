"""The gallery of duplicates: pairs side by side, the most similar first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from fastdup_gpu.analysis.removal import same_files
from fastdup_gpu.analysis.similarity import edge_similarity, near_duplicates_from
from fastdup_gpu.formats import results
from fastdup_gpu.galleries import words
from fastdup_gpu.galleries.album import Album
from fastdup_gpu.galleries.options import make_options
from fastdup_gpu.galleries.render import Page, View, publish, slider
from fastdup_gpu.galleries.select import (
    LabelsOf,
    choose_keeper,
    curve,
    slice_mask,
    unordered_pairs,
)

INTRO = (
    "Each pair is listed once. The starred image is the one to keep: the one with more pixels, "
    "then the larger file, then the sharper one. Beside an image of test_dir, it is the other one."
)
COUNTS = "{0 pair}: {1 image} in {2 group}, {3} could be removed"


def create_duplicates_gallery(similarity_file: Any, kwargs: dict[str, Any], **given: Any) -> None:
    """Write duplicates.html; see the public function for the arguments."""
    options = make_options(given, kwargs)
    album = Album(options, results.work_dir_of(similarity_file, options.work_dir))
    edges = results.read_edges(
        similarity_file,
        nrows=options.nrows,
        work_dir=album.work_dir,
        argument="similarity_file",
    )
    pairs = select_pairs(album, edges)
    near = [] if album.work_dir is None else [near_duplicates_from(album.work_dir)]
    rows = curve(pairs, near)
    asked_for = options.threshold is not None or options.slice is not None
    start = None if asked_for else next((row[0] for row in rows if row[0] in near), None)
    view = duplicates_view(album, pairs, rows, start)
    subtitle = f"{words.count(len(pairs), 'pair')}{words.similarity_text(pairs)}"
    page = Page("duplicates", "Duplicates", subtitle, [view], page_width=options.max_width)
    publish(page, album, pairs)


def select_pairs(album: Album, edges: pd.DataFrame) -> pd.DataFrame:
    """Unordered pairs selected by the options threshold and slice, most similar first, with the
    labels of the two images in `label` and `label2` if there are any. One file under two names is
    not a pair."""
    options = album.options
    edges = edges.assign(distance=edge_similarity(edges, album.work_dir))
    pairs = unordered_pairs(edges)
    if options.threshold is not None:
        pairs = pairs[pairs["distance"] >= options.threshold]
    same = np.array(same_files(pairs["from"], pairs["to"], album.work_dir), dtype=bool)
    pairs = pairs[~same].reset_index(drop=True)
    labels = album.labels([*pairs["from"], *pairs["to"]])
    return pairs if labels is None else _labelled(pairs, labels, album)


def _labelled(pairs: pd.DataFrame, labels: LabelsOf, album: Album) -> pd.DataFrame:
    table = pairs.assign(
        label=pd.Series([labels[name] for name in pairs["from"]], dtype=object),
        label2=pd.Series([labels[name] for name in pairs["to"]], dtype=object),
    )
    wanted = album.options.slice
    if wanted is None:
        return table
    ends = table["label"].tolist(), table["label2"].tolist()
    kept = slice_mask(wanted, *ends, album.labels_everywhere)
    return table[kept].reset_index(drop=True)


def duplicates_view(
    album: Album, pairs: pd.DataFrame, rows: list[list[float]], start: float | None = None
) -> View:
    """The view of the first `num_images` pairs, with a slider over the `rows` of the curve of all
    pairs, which starts at the similarity `start` or at the smallest."""
    ordered = pairs if album.options.descending else pairs.iloc[::-1]
    listed = ordered.iloc[: album.options.shown]
    view: View = {
        "id": "duplicates",
        "title": "Duplicates",
        "kind": "pairs",
        "intro": INTRO,
        "noun": ["pair", "pairs"],
        "empty": "No two images are this similar.",
        "suggest": "Mark the worse image of each pair shown",
        "items": [
            pair_item(album, start, end, value)
            for start, end, value in zip(
                listed["from"], listed["to"], listed["distance"].tolist(), strict=True
            )
        ],
    }
    if len(rows) > 1:
        begin = rows[0][0] if start is None else start
        view["slider"] = slider("Similarity", "≥", rows, begin, COUNTS)
    return view


def pair_item(album: Album, start: str, end: str, similarity: float) -> dict[str, Any]:
    """One pair, with the image to keep."""
    facts = [album.facts(start), album.facts(end)]
    best, why = choose_keeper(facts)
    indices = [album.add(start), album.add(end)]
    return {
        "p": indices,
        "v": round(similarity, 6),
        "value": words.similarity(similarity),
        "sub": "similarity",
        "keep": indices[best],
        "why": why,
        "drop": [indices[1 - best]],
    }
