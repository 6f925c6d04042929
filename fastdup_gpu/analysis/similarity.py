"""Similarities, where larger is nearer, from the `distance` columns of a run's files."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd

from fastdup_gpu.formats import names, results
from fastdup_gpu.formats.files import read_json


def similarity_of_distance(distance: float) -> float:
    """1 / (1 + distance): the scale on which distances are compared with thresholds."""
    return 1.0 / (1.0 + distance)


def holds_similarities(folder: Path | None) -> bool:
    """Whether the `distance` columns of a run hold similarities (metric cosine) or distances.

    Without the run's config.json they are taken for similarities, the default."""
    config = None if folder is None else read_json(folder / names.CONFIG)
    return str((config or {}).get("distance", "cosine")) == "cosine"


def edge_similarity(edges: pd.DataFrame, folder: Path | None) -> pd.Series[float]:
    """The similarity of each pair of a table of pairs."""
    values = edges["distance"].astype(np.float64)
    return values if holds_similarities(folder) else 1.0 / (1.0 + values)


def component_similarity(table: pd.DataFrame, folder: Path | None) -> dict[int, float]:
    """For each component the mean similarity of its pairs: from the column mean_distance, or,
    where older files lack it, from similarity.csv (nan where that is missing too)."""
    if "mean_distance" not in table:
        return _from_edges(table, folder)
    first = table.drop_duplicates("component_id")
    stored = zip(first["component_id"], first["mean_distance"], strict=True)
    if holds_similarities(folder):
        return {int(number): float(value) for number, value in stored}
    return {int(number): similarity_of_distance(float(value)) for number, value in stored}


def _from_edges(table: pd.DataFrame, folder: Path | None) -> dict[int, float]:
    found: dict[int, float] = dict.fromkeys((int(c) for c in table["component_id"]), float("nan"))
    if folder is None or not (folder / names.SIMILARITY).is_file():
        return found
    edges = results.read_edges(folder)
    of_file = dict(zip(table["filename"], table["component_id"], strict=True))
    values: dict[int, list[float]] = defaultdict(list)
    pairs = zip(edges["from"], edges["to"], edge_similarity(edges, folder), strict=True)
    for one, other, similarity in pairs:
        if one in of_file and of_file[one] == of_file.get(other):
            values[int(of_file[one])].append(similarity)
    return found | {number: float(np.mean(own)) for number, own in values.items()}
