"""Removes results before the features that they belong to are replaced."""

from __future__ import annotations

from pathlib import Path

from fastdup_gpu.formats import names

_EDGES = (names.SIMILARITY, names.OUTLIERS, names.COMPARISON)
_OF_TRAIN = (
    names.COMPONENTS,
    names.COMPONENT_INFO,
    names.INDEX,
    *(f"{names.INDEX}{suffix}" for suffix in (".npz", ".hnsw", ".cagra", ".ivf", ".npy")),
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


def clear(folder: Path, kind: str, *, keep_features: bool = False) -> None:
    """Remove results of the features of `kind`, which are about to be replaced; with
    `keep_features`, not the features themselves, from which the new ones are taken over."""
    gone = [*_EDGES, *([] if keep_features else _of_pictures(kind))]
    if kind == names.TRAIN:
        gone += [*_OF_TRAIN, *([] if keep_features else _of_pictures(names.TEST)), names.JOINED]
    _remove(folder, gone)


def clear_test(folder: Path) -> None:
    """Remove the files of the test images of an earlier run, if the current one has none."""
    _remove(folder, _of_pictures(names.TEST))


def make_room(folder: Path, *, same_pictures: bool = False, joining: bool = False) -> None:
    """Remove the results of a run before its features are replaced by others. `same_pictures`: the
    new features are of the same rows, so that statistics and lists are kept. `joining`:
    names.JOINED already describes the new features."""
    gone = [*_EDGES, *_OF_TRAIN, *_of_pictures(names.TEST), names.CONFIG]
    # Or resume=1 would take the new features for its own.
    gone += [names.EXTRACTION.format(kind=names.TRAIN), names.ITEMS.format(kind=names.TRAIN)]
    if not same_pictures:
        lists = (names.BAD_CSV, names.STATS_CSV, names.CROPS_CSV, names.FRAMES_CSV)
        gone += [name.format(kind=names.TRAIN) for name in lists]
    gone += [] if joining else [names.JOINED]
    _remove(folder, gone)


def _of_pictures(kind: str) -> list[str]:
    return [name.format(kind=kind) for name in _OF_PICTURES]


def _remove(folder: Path, gone: list[str]) -> None:
    for name in gone:
        (folder / name).unlink(missing_ok=True)
