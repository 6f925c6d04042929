"""Similarities (larger is nearer) from the `distance` columns of a run's files."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from fastdup_gpu.formats import names, results
from fastdup_gpu.formats.files import read_json
from fastdup_gpu.indexing.rows import unit
from fastdup_gpu.protocol import F32

Number = TypeVar("Number", float, "pd.Series[float]")
_MOST = 1.001  # a cosine similarity of float32 vectors may be a little over 1

_log = logging.getLogger("fastdup_gpu")


def similarity_of_distance(distance: Number) -> Number:
    """1 / (1 + distance) of a number or a column: the scale on which distances are compared with
    thresholds."""
    similarity: Number = 1.0 / (1.0 + distance)
    return similarity


def holds_similarities(folder: Path | None) -> bool:
    """Whether the `distance` columns of a run hold similarities (metric cosine) or distances.

    Without the run's config.json, similarities are assumed, the default."""
    config = None if folder is None else read_json(folder / names.CONFIG)
    return str((config or {}).get("distance", "cosine")) == "cosine"


def near_duplicates_from(folder: Path) -> float:
    """The smallest similarity of near duplicates: 0.9, or the threshold of the run if that is
    larger. A run with a smaller threshold lists pairs for another purpose, such as finding wrong
    labels."""
    listed = (read_json(folder / names.CONFIG) or {}).get("threshold")
    return max(names.NEAR, float(listed)) if isinstance(listed, int | float) else names.NEAR


def edge_similarity(edges: pd.DataFrame, folder: Path | None) -> pd.Series[float]:
    """The similarity of each pair of a table of pairs. If the run is not known, values above 1 can
    only be distances; rows in ascending order, as distances are, cause a warning."""
    values = edges["distance"].astype(np.float64)
    if folder is None and not edges.empty:
        if values.max() > _MOST:
            return similarity_of_distance(values)
        if values.is_monotonic_increasing and values.nunique() > 2:
            _log.warning(
                "the values of the column distance are taken as similarities, although the "
                "smallest come first; if they are distances, give the work_dir of the run"
            )
    return values if holds_similarities(folder) else similarity_of_distance(values)


def neighbors_asked(folder: Path | None) -> int | None:
    """How many neighbours an image has: as many as the run asked for, or all there are; None if
    the run is not known."""
    stored = None if folder is None else read_json(folder / names.CONFIG)
    asked = (stored or {}).get("nearest_neighbors_k")
    if folder is None or stored is None or not isinstance(asked, int):
        return None
    if not (folder / names.FEATURES_CSV.format(kind=names.TRAIN)).is_file():
        return asked
    own = 0 if stored.get("test_dir") else 1
    return min(asked, len(results.read_filenames(folder)) - own)


def component_similarity(table: pd.DataFrame, folder: Path | None) -> dict[int, float]:
    """For each component the mean similarity of its pairs: from the column mean_distance, or, if
    an older file lacks it, from similarity.csv (nan if that is missing too)."""
    if "mean_distance" not in table:
        return stored_similarity(
            dict(zip(table["filename"], table["component_id"], strict=True)), folder
        )
    first = table.drop_duplicates("component_id")
    stored = zip(first["component_id"], first["mean_distance"], strict=True)
    if holds_similarities(folder):
        return {int(number): float(value) for number, value in stored}
    return {int(number): similarity_of_distance(float(value)) for number, value in stored}


def stored_similarity(component_of: Mapping[str, int], folder: Path | None) -> dict[int, float]:
    """For each component the mean similarity of its pairs in similarity.csv, by the component of
    each image; nan if there is no pair."""
    found = dict.fromkeys((int(number) for number in component_of.values()), float("nan"))
    if folder is None or not (folder / names.SIMILARITY).is_file():
        return found
    edges = results.read_edges(folder)
    one, other = (edges[end].map(dict(component_of)) for end in ("from", "to"))
    inside = one.notna() & (one == other)
    means = edges["distance"][inside].astype(np.float64).groupby(one[inside]).mean()
    if not holds_similarities(folder):
        means = similarity_of_distance(means)
    return found | {int(number): float(mean) for number, mean in means.items()}  # type: ignore[call-overload]


def mean_cosine(features: F32) -> float:
    """The mean cosine similarity of every two rows of f32[n, d], n at least 2."""
    rows = unit(features).astype(np.float64)
    total = rows.sum(axis=0)
    return float((total @ total - np.sum(rows * rows)) / (len(rows) * (len(rows) - 1)))
