"""The gallery of neighbours: an image, those most similar to it, and whether labels agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from fastdup_gpu.analysis.annotations import as_labels
from fastdup_gpu.analysis.similarity import edge_similarity
from fastdup_gpu.analysis.slices import wanted_labels
from fastdup_gpu.formats import results
from fastdup_gpu.formats.tables import objects
from fastdup_gpu.galleries import words
from fastdup_gpu.galleries.album import Album
from fastdup_gpu.galleries.options import Slice, make_options
from fastdup_gpu.galleries.render import Page, View, publish, slider
from fastdup_gpu.galleries.select import LabelsOf, label_score, neighbor_rows

_LISTS = ("to", "distance")
INTRO = "Each image with the images most similar to it."
SCORE_INTRO = (
    "Each image with the images most similar to it. The score is the percentage of these that "
    "have its label; a low score hints at a wrong label."
)


def create_similarity_gallery(
    similarity_file: Any, kwargs: dict[str, Any], **given: Any
) -> pd.DataFrame:
    """Write similarity.html and return the whole table behind it; see the public function."""
    options = make_options(given, kwargs)
    album = Album(options, results.work_dir_of(similarity_file, options.work_dir))
    edges = results.read_edges(
        similarity_file,
        nrows=options.nrows,
        work_dir=album.work_dir,
        argument="similarity_file",
    )
    table = select_rows(album, edges)
    if album.work_dir is not None:
        table.attrs["work_dir"] = str(album.work_dir.absolute())
    view = similarity_view(album, table)
    subtitle = f"{words.count(len(table), 'image')} with their neighbours"
    page = Page("similarity", "Similarity", subtitle, [view], thumb_width=options.max_width)
    publish(page, album, table)
    return table


def select_rows(album: Album, edges: pd.DataFrame, *, cosine: bool = False) -> pd.DataFrame:
    """One row per image with at least `min_items` neighbours: `from`, lists `to` and `distance`
    (similarities, whatever the metric of the run); with labels also lists `label` (that of `from`,
    once for each neighbour) and `label2`, and `score` (0 to 100, nan if unknown), `length`.

    Ordered by score, ties by the similarity of the neighbours that disagree; without labels by
    the mean similarity. `cosine`: the edges hold similarities whatever the metric of the run.
    """
    options = album.options
    folder = None if cosine else album.work_dir
    edges = edges.assign(distance=edge_similarity(edges, folder))
    table = neighbor_rows(edges, None)
    enough = [len(ends) >= (options.min_items or 1) for ends in table["to"]]
    table = table[np.array(enough, dtype=bool)].reset_index(drop=True)
    most = options.max_items or options.num_images or None
    cut = {column: objects(values[:most] for values in table[column]) for column in _LISTS}
    table = table.assign(**cut)
    labels = album.labels([*table["from"], *(name for ends in table["to"] for name in ends)])
    if labels is None:
        keys = [[sum(values) / max(len(values), 1)] for values in table["distance"]]
        return _ordered(table, keys, options.descending)
    table = _scored(table, labels)
    keys = [_key(row) for row in table.to_dict("records")]
    table = _ordered(table, keys, options.descending)
    return _sliced(table, options.slice, album)


def _scored(table: pd.DataFrame, labels: LabelsOf) -> pd.DataFrame:
    own = [labels[name] for name in table["from"]]
    others = [[labels[name] for name in ends] for ends in table["to"]]
    scores = [label_score(a, b) for a, b in zip(own, others, strict=True)]
    scored = table.assign(
        label=objects([_single(a)] * len(ends) for a, ends in zip(own, others, strict=True)),
        label2=objects([_single(b) for b in ends] for ends in others),
        score=pd.Series([float("nan") if s is None else s for s in scores], dtype=float),
        length=pd.Series([len(ends) for ends in others], dtype=int),
    )
    return scored[["from", "to", "label", "label2", "distance", "score", "length"]]


def _single(labels: Any) -> Any:
    return labels[0] if len(labels) == 1 else list(labels) or None


def _key(row: dict[Any, Any]) -> list[float]:
    """Score, then how much more similar the neighbours that agree are than the others."""
    own = set(as_labels(row["label"][0]))
    signed = [
        value if own & set(as_labels(label)) else -value
        for value, label in zip(row["distance"], row["label2"], strict=True)
    ]
    return [row["score"], sum(signed)]


def _ordered(table: pd.DataFrame, keys: list[list[float]], descending: bool) -> pd.DataFrame:
    """Rows by their keys; those without a score come last in either order."""
    sign = -1.0 if descending else 1.0
    signed = [[sign * value for value in key] for key in keys]
    unknown = [key[0] != key[0] for key in keys]
    order = sorted(range(len(keys)), key=lambda i: (unknown[i], () if unknown[i] else signed[i]))
    return table.iloc[order].reset_index(drop=True)


def _sliced(table: pd.DataFrame, slice: Slice, album: Album) -> pd.DataFrame:
    """Rows with the labels wanted; 'label_score': those with a known score; 'diff' and 'same':
    those with no neighbour, or only neighbours, of the same label."""
    if slice is None:
        return table
    if slice in ("label_score", "diff", "same"):
        kept = {
            "label_score": table["score"].notna(),
            "diff": table["score"] == 0,
            "same": table["score"] == 100,
        }[str(slice)]
    else:
        sets = [set(as_labels(labels[0])) for labels in table["label"]]
        wanted = wanted_labels(slice, map(list, sets), album.labels_everywhere)
        kept = pd.Series([not wanted.isdisjoint(own) for own in sets], dtype=bool)
    return table[kept].reset_index(drop=True)


def similarity_view(album: Album, table: pd.DataFrame) -> View:
    """The view of the first `num_images` rows."""
    scored = "score" in table and bool(table["score"].notna().any())
    listed = table.iloc[: album.options.shown]
    view: View = {
        "id": "similarity",
        "title": "Labels" if scored else "Similarity",
        "kind": "rows",
        "intro": SCORE_INTRO if scored else INTRO,
        "noun": ["row", "rows"],
        "empty": "No image has enough neighbours.",
        "items": [_item(album, row, scored) for row in listed.to_dict("records")],
    }
    if scored:
        values = table["score"].dropna()
        rows = [[mark, int((values <= mark).sum())] for mark in range(101)]
        view["slider"] = slider("Score", "≤", rows, 100, "{0 image}", digits=0)
    return view


def _item(album: Album, row: dict[Any, Any], scored: bool) -> dict[str, Any]:
    values = row["distance"]
    item = {
        "p": [album.add(name) for name in [row["from"], *row["to"]]],
        "heads": [words.similarity(value) for value in values],
        "v": round(sum(values) / max(len(values), 1), 6),
        "sub": words.count(len(values), "neighbour"),
    }
    if scored:
        known = row["score"] == row["score"]
        item |= {
            "v": row["score"] if known else 100.0,
            "value": f"score {row['score']:.0f}" if known else "no score",
        }
    return item
