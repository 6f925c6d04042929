"""A map of the images: their features in two dimensions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastdup_gpu.formats.features import feature_paths, open_features
from fastdup_gpu.galleries import words
from fastdup_gpu.galleries.album import Album
from fastdup_gpu.galleries.render import View

MOST_POINTS = 2000
_SAMPLE = 100_000  # rows that the axes are computed from


def project(features: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """f64[m, 2]: the two principal components of `rows` of f32[n, d], from the covariance of an
    even sample of all rows. The largest loading of each axis is made positive, so that results are
    the same each time. Numbers that are not finite count as zeros."""
    step = -(-len(features) // _SAMPLE)
    sample = _finite(features[::step])
    mean = sample.mean(axis=0)
    sample -= mean
    axes = _leading(sample.T @ sample)
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
    points: NDArray[np.float64] = (_finite(features[rows]) - mean) @ axes
    return points


def _finite(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.nan_to_num(np.array(rows, np.float64), nan=0.0, posinf=0.0, neginf=0.0)


def _leading(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """The two leading eigenvectors, as columns, by subspace iteration: a full decomposition of
    a few hundred rows takes seconds where several processes share the cores."""
    width = min(16, len(covariance))
    basis = np.random.default_rng(0).normal(size=(len(covariance), width))
    for _ in range(30):
        basis, _ = np.linalg.qr(covariance @ basis)
    _, vectors = np.linalg.eigh(basis.T @ covariance @ basis)
    axes: NDArray[np.float64] = basis @ vectors[:, :-3:-1]
    return axes


def map_view(
    album: Album, work_dir: Path, grouped: Collection[str], outlying: Collection[str]
) -> View | None:
    """The view of up to MOST_POINTS images spread over the run; None if there are too few features.
    The names in `grouped` and `outlying` are drawn in other shapes."""
    dat = feature_paths(work_dir)[0]
    if not dat.is_file():
        return None
    features = open_features(dat)
    if len(features.filenames) < 3 or features.matrix.shape[1] < 2:
        return None
    rows = np.unique(np.linspace(0, len(features.filenames) - 1, MOST_POINTS).astype(np.int64))
    places = _scaled(project(features.matrix, rows))
    chosen = [features.filenames[i] for i in rows.tolist()]
    kinds = [1 if name in grouped else 2 if name in outlying else 0 for name in chosen]
    return {
        "id": "map",
        "title": "Map",
        "kind": "map",
        "intro": _intro(len(chosen), len(features.filenames)),
        "plot": _plot(album, chosen, places, kinds),
    }


def _intro(shown: int, total: int) -> str:
    part = "All images" if shown == total else f"{shown:,} of {total:,} images"
    return (
        f"{part}, placed by the two principal components of their features: images close together "
        "are similar, as far as two dimensions can show. Press + and - to zoom, Enter to open the "
        "selected image."
    )


def _plot(
    album: Album, chosen: Sequence[str], places: NDArray[np.int64], kinds: list[int]
) -> dict[str, Any]:
    named = ("in no group", "in a group of similar images", "outlier")
    return {
        "label": f"Map of {words.count(len(chosen), 'image')}; use the arrow keys to move "
        "between them",
        "xs": places[:, 0].tolist(),
        "ys": places[:, 1].tolist(),
        "kinds": kinds,
        "kinds_named": [f"{name} ({kinds.count(i):,})" for i, name in enumerate(named)],
        "pictures": [album.add(name, small=True) for name in chosen],
    }


def _scaled(points: NDArray[np.float64]) -> NDArray[np.int64]:
    """Points between 0 and 1000; the few far ones are drawn at the edge."""
    low, high = np.percentile(points, [0.5, 99.5], axis=0)
    span = np.where(high > low, high - low, 1.0)
    scaled: NDArray[np.int64] = np.clip(1000 * (points - low) / span, 0, 1000).astype(np.int64)
    return scaled
