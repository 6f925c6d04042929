"""Results that no longer belong to what lies beside them are taken away before it changes."""

from __future__ import annotations

from pathlib import Path

from fastdup_gpu.formats import names

_EDGES = (
    names.SIMILARITY,
    names.OUTLIERS,
    names.COMPONENTS,
    names.COMPONENT_INFO,
    f"{names.TMP_DIR}/comparison.json",
)
_OF_TRAIN = (
    names.INDEX,
    f"{names.INDEX}.npz",
    f"{names.INDEX}.hnsw",
    names.SEARCH,
    names.KMEANS_CENTROIDS,
    names.KMEANS_ASSIGNMENTS,
)
_OF_PICTURES = (
    names.FEATURES,
    names.FEATURES_CSV,
    names.BAD_CSV,
    names.STATS_CSV,
)


def clear(folder: Path, kind: str) -> None:
    """Remove what was computed from features of `kind` that are about to be replaced."""
    gone = [*_EDGES, *(name.format(kind=kind) for name in _OF_PICTURES)]
    if kind == names.TRAIN:
        gone += [*_OF_TRAIN, *(name.format(kind=names.TEST) for name in _OF_PICTURES)]
    for name in gone:
        (folder / name).unlink(missing_ok=True)
