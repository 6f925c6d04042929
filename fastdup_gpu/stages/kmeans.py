"""Features -> k-means -> kmeans_centroids.csv and kmeans_assignments.csv."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fastdup_gpu.formats import names
from fastdup_gpu.formats.files import CsvWriter, replacing, write_columns
from fastdup_gpu.protocol import F32, Backend, Clusters


def cluster(
    backend: Backend,
    filenames: Sequence[str],
    features: F32,
    folder: Path,
    *,
    clusters: int,
    iterations: int,
    nearest: int,
    seed: int = 0,
    threads: int = 0,
) -> Clusters:
    """Cluster f32[n, d] and write both files, with the `nearest` centroids of each image."""
    found = backend.kmeans(
        features,
        clusters=clusters,
        iterations=iterations,
        nearest=nearest,
        seed=seed,
        threads=threads,
    )
    with replacing(folder / names.KMEANS_CENTROIDS) as stream:
        CsvWriter(stream).writerows(
            [f"{value:.6f}" for value in centroid] for centroid in found.centroids.tolist()
        )
    rows = np.repeat(np.arange(len(filenames)), nearest)
    named = [filenames[row] for row in rows.tolist()]
    columns = (rows, named, found.ids.ravel(), found.distances.ravel())
    path = folder / names.KMEANS_ASSIGNMENTS
    write_columns(path, names.KMEANS_COLUMNS, ("%d", "%s", "%d", "%.6f"), columns)
    return found
