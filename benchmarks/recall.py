"""How many true neighbours a finished run found, on a sample, against exact search."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np

from fastdup_gpu.formats.features import feature_paths, open_features

_SAMPLE = 500
_BLOCK = 100_000


def of_run(features: Path, work_dir: Path) -> float:
    """Recall at 2 of similarity.csv of a run with threshold 0 over cosine."""
    stored = open_features(feature_paths(features)[0])
    rows = np.random.default_rng(0).choice(len(stored.filenames), _SAMPLE, replace=False)
    truth = _exact(stored.matrix, rows)
    found = _listed(work_dir / "similarity.csv", {stored.filenames[r] for r in rows})
    hits = sum(
        stored.filenames[target] in found[stored.filenames[row]]
        for row, targets in zip(rows, truth, strict=True)
        for target in targets
    )
    return hits / (2 * _SAMPLE)


def _exact(
    matrix: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    rows: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """The two nearest other rows, i64[sample, 2]; the stored rows are of unit length."""
    scores = np.concatenate(
        [matrix[rows] @ matrix[s : s + _BLOCK].T for s in range(0, len(matrix), _BLOCK)], axis=1
    )
    scores[np.arange(len(rows)), rows] = -np.inf
    return np.argpartition(-scores, 1, axis=1)[:, :2]


def _listed(path: Path, wanted: set[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    with path.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            if row["from"] in wanted:
                found[row["from"]].add(row["to"])
    return found
