"""Labels predicted from neighbours and clusters, and how well each label fits its neighbours."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fastdup_gpu._arguments import path_text, real_number, whole_number
from fastdup_gpu._errors import InvalidArgument
from fastdup_gpu._registry import compute_of_run
from fastdup_gpu.analysis.annotations import Labels, read_labels
from fastdup_gpu.analysis.labels import top_k_label
from fastdup_gpu.analysis.nearest import nearest
from fastdup_gpu.analysis.similarity import edge_similarity
from fastdup_gpu.formats import results
from fastdup_gpu.formats.features import feature_paths, open_features
from fastdup_gpu.formats.files import read_json
from fastdup_gpu.formats.names import CONFIG, KMEANS_ASSIGNMENTS

Source = str | os.PathLike[str] | pd.DataFrame
COLUMNS = ("prediction", "label", "filename")
SCORE_COLUMNS = ("filename", "label", "score", "prediction", "neighbors", "distance")


def create_knn_classifier(
    work_dir: Source, k: int, get_label_func: Labels, threshold: float | None = None
) -> pd.DataFrame:
    """For each image the label most frequent among its k most similar neighbours.

    See fastdup_gpu.create_knn_classifier.
    """
    most = whole_number("k", k, 1)
    if threshold is not None:
        real_number("threshold", threshold, "a similarity, or None")
    folder = results.work_dir_of(work_dir)
    edges = results.read_edges(work_dir)
    edges = edges.assign(similarity=edge_similarity(edges, folder))
    names = _names(folder, edges)
    named = list(dict.fromkeys([*names, *edges["to"]]))
    labels = _labels(get_label_func, named, folder)
    around: dict[str, list[tuple[float, list[str]]]] = defaultdict(list)
    for one, other, similarity in zip(edges["from"], edges["to"], edges["similarity"], strict=True):
        if labels.get(other):
            around[one].append((similarity, labels[other]))
    predictions = [_vote(around[name], most, threshold) for name in names]
    return _table(predictions, labels, names)


def create_kmeans_classifier(
    work_dir: Source,
    k: int,
    get_label_func: Labels,
    threshold: float | None = None,
) -> pd.DataFrame:
    """For each image the label most frequent in its k-means cluster.

    See fastdup_gpu.create_kmeans_classifier.
    """
    assigned = _read_clusters(work_dir).drop_duplicates("index")
    names = list(assigned["filename"])
    labels = _labels(get_label_func, names, results.work_dir_of(work_dir))
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    for cluster, name in zip(assigned["cluster"], names, strict=True):
        counts[int(cluster)].update(labels.get(name, ()))
    winners = {cluster: _most_frequent(count) for cluster, count in counts.items()}
    return _table([winners[int(c)] for c in assigned["cluster"]], labels, names)


def _read_clusters(source: Source) -> pd.DataFrame:
    """The assignments in a source, or in the work_dir of a source with similarities."""
    if isinstance(source, pd.DataFrame):
        own = "cluster" in source
    else:
        own = Path(path_text("work_dir", source)).name == KMEANS_ASSIGNMENTS
    folder = None if own else results.work_dir_of(source)
    return results.read_kmeans(source if folder is None else folder)


def label_scores(
    work_dir: str | os.PathLike[str], get_label_func: Labels, k: int = 10
) -> pd.DataFrame:
    """How well the label of each image fits those of its k nearest by stored features.

    See fastdup_gpu.label_scores.
    """
    most = whole_number("k", k, 1)
    folder = Path(path_text("work_dir", work_dir))
    stored = open_features(feature_paths(folder)[0])
    names = stored.filenames
    known = _labels(get_label_func, names, folder)
    labels = [known.get(name, []) for name in names]
    used = np.array([i for i, own in enumerate(labels) if own], np.int64)
    matrix = stored.matrix if len(used) == len(names) else stored.matrix[used]
    ids, values = nearest(matrix, most, compute_of_run(read_json(folder / CONFIG)))
    rows = []
    for row, (own_ids, own_values) in enumerate(zip(used[ids].tolist(), values, strict=True)):
        own = labels[used[row]]
        around = [labels[i] for i in own_ids]
        rows.append((names[used[row]], _shown(own), *_score(own, around, own_values.tolist())))
    table = pd.DataFrame(rows, columns=pd.Index(SCORE_COLUMNS))
    return table.sort_values(["score", "distance"], ascending=[True, False], ignore_index=True)


def _vote(around: Sequence[tuple[float, list[str]]], k: int, threshold: float | None) -> str | None:
    """The prediction of the k most similar neighbours, each voting once for each of its labels."""
    nearest_first = sorted(around, key=lambda neighbor: -neighbor[0])[:k]
    pairs = [(x, s) for s, own in nearest_first for x in dict.fromkeys(own)]
    return top_k_label([x for x, _ in pairs], [s for _, s in pairs], max(len(pairs), 1), threshold)


def _score(
    own: Sequence[str], around: Sequence[Sequence[str]], similarities: Sequence[float]
) -> tuple[float, str | None, int, float]:
    """score, prediction, number of neighbours, their mean similarity."""
    same = sum(bool(set(own) & set(other)) for other in around)
    pairs = [(x, s) for other, s in zip(around, similarities, strict=True) for x in other]
    prediction = top_k_label([x for x, _ in pairs], [s for _, s in pairs], max(len(pairs), 1))
    mean = float(np.mean(similarities)) if similarities else float("nan")
    return 100.0 * same / max(len(around), 1), prediction, len(around), mean


def _names(folder: Path | None, edges: pd.DataFrame) -> list[str]:
    """All images of the run, or, if the run is not known, all that have neighbours."""
    if folder is not None and feature_paths(folder)[1].is_file():
        known = results.read_filenames(folder)
        if set(known) >= set(edges["from"]):
            return known
    return list(dict.fromkeys(edges["from"]))


def _labels(given: Labels, names: Sequence[str], folder: Path | None) -> dict[str, list[str]]:
    labels = read_labels(given, names, folder)
    if labels is None:
        raise InvalidArgument("get_label_func is None; this function needs labels")
    return dict(zip(names, labels, strict=True))


def _most_frequent(counts: Counter[str]) -> str | None:
    return min(counts, key=lambda label: (-counts[label], label), default=None)


def _shown(labels: Sequence[str]) -> str | list[str] | None:
    if len(labels) == 1:
        return labels[0]
    return list(labels) or None


def _table(
    predictions: Sequence[str | None], labels: dict[str, list[str]], names: Sequence[str]
) -> pd.DataFrame:
    rows = zip(predictions, (_shown(labels[name]) for name in names), names, strict=True)
    return pd.DataFrame(list(rows), columns=pd.Index(COLUMNS), dtype=object)
