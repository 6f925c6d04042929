"""Features -> nearest neighbours -> similarity.csv and outliers.csv."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fastdup_gpu._errors import FormatError, WorkDirError
from fastdup_gpu.formats import names
from fastdup_gpu.formats.files import read_json, write_columns, write_json
from fastdup_gpu.protocol import (
    F32,
    F64,
    I64,
    METRICS,
    Backend,
    Index,
    Metric,
    Neighbors,
    SearchPlan,
)

_INDEX_FORMAT = "fastdup-gpu index 1"


@dataclass(frozen=True, slots=True)
class Edges:
    """Directed edges, most similar first, ties by source and target.

    `sources` i64[e] rows of the queries, `targets` i64[e] rows of the base, `scores` f64[e]
    as written (cosine similarity, or distance), `similarity` f64[e] in 0..1.
    """

    sources: I64
    targets: I64
    scores: F64
    similarity: F64

    def take(self, which: Any) -> Edges:
        """The edges that a mask or a slice selects, in order."""
        return Edges(
            self.sources[which], self.targets[which], self.scores[which], self.similarity[which]
        )


def to_edges(found: Neighbors, metric: Metric) -> Edges:
    """Flatten neighbour lists; the padding of rows with fewer than k neighbours is dropped."""
    n, k = found.ids.shape
    by_target = np.argsort(found.ids, axis=1, kind="stable")
    targets = np.take_along_axis(found.ids, by_target, axis=1).ravel()
    scores = np.take_along_axis(found.scores, by_target, axis=1).ravel().astype(np.float64)
    kept = targets >= 0
    sources = np.repeat(np.arange(n, dtype=np.int64), k)[kept]
    targets, scores = targets[kept], scores[kept]
    similarity = similarity_of(scores, metric)
    order = np.argsort(-similarity, kind="stable")  # sources and targets are in order already
    return Edges(sources, targets, scores, similarity).take(order)


def similarity_of(scores: F64, metric: Metric) -> F64:
    """Similarities of scores: cosine as it is, a distance x as 1 / (1 + x)."""
    return scores if metric == "cosine" else 1.0 / (1.0 + scores)


def write_similarity(
    folder: Path, edges: Edges, threshold: float, query: Sequence[str], base: Sequence[str]
) -> Edges:
    """Write similarity.csv: all edges with similarity >= `threshold`. Returns those edges."""
    # Scores are stored with six decimals; a score that rounds to the threshold is kept.
    kept = edges.take(edges.similarity >= threshold - 5e-7)
    _write(folder / names.SIMILARITY, kept, query, base)
    return kept


def write_outliers(
    folder: Path, edges: Edges, lower_threshold: float, query: Sequence[str], base: Sequence[str]
) -> Edges:
    """Write outliers.csv: of all n edges the last n - round((1 - lower_threshold) * n)."""
    first = round((1 - lower_threshold) * len(edges.scores))
    kept = edges.take(slice(first, None))
    _write(folder / names.OUTLIERS, kept, query, base)
    return kept


def _write(path: Path, edges: Edges, query: Sequence[str], base: Sequence[str]) -> None:
    sources = [query[row] for row in edges.sources.tolist()]
    targets = [base[row] for row in edges.targets.tolist()]
    columns = (sources, targets, edges.scores)
    write_columns(path, names.EDGE_COLUMNS, ("%s", "%s", "%.6f"), columns)


def save_index(index: Index, folder: Path, features: F32, plan: SearchPlan) -> None:
    """Write nnf.index, a json header that describes the index, and its data files beside it."""
    header = {
        "format": _INDEX_FORMAT,
        "kind": index.kind,
        "metric": plan.metric,
        "rows": int(features.shape[0]),
        "d": int(features.shape[1]),
        "features": names.FEATURES.format(kind=names.TRAIN),
        "plan": {"links": plan.links, "clusters": plan.clusters, "seed": plan.seed},
        **index.save(folder / names.INDEX),
    }
    write_json(folder / names.INDEX, header)


def read_header(folder: Path) -> dict[str, Any]:
    """The header of the stored index: `metric`, `rows`, `d`, and fields of its kind.

    Raises WorkDirError if there is none, FormatError for any other file.
    """
    path = folder / names.INDEX
    if not path.is_file():
        raise WorkDirError(f"{path} does not exist; run with run_mode=0 or 2 first")
    header = read_json(path) or {}
    known = header.get("format") == _INDEX_FORMAT and header.get("metric") in METRICS
    if not known or not {"rows", "d"} <= set(header):
        raise FormatError(
            f"{path} is not an index of this library ({_INDEX_FORMAT!r}); "
            "run with run_mode=2 to build one from the stored features"
        )
    return header


def load_index(backend: Backend, folder: Path, features: F32, plan: SearchPlan) -> Index:
    """The index that save_index wrote, checked against the features beside it."""
    header = read_header(folder)
    check_header(folder, header, features, plan)
    return backend.load_index(folder / names.INDEX, header, features, plan)


def check_header(folder: Path, header: dict[str, Any], features: F32, plan: SearchPlan) -> None:
    """Raise FormatError if a stored index is not of these features with this metric."""
    stored = (header["metric"], header["rows"], header["d"])
    asked = (plan.metric, *features.shape)
    if stored != asked:
        raise FormatError(
            f"{folder / names.INDEX} was built for (distance, rows, d) = {stored}, not for "
            f"{asked}; run with run_mode=2 to build it again"
        )
