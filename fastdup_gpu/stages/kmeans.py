"""Features -> k-means -> kmeans_centroids.csv and kmeans_assignments.csv."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from fastdup_gpu.formats import names
from fastdup_gpu.formats.files import CsvWriter, replacing, write_csv
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
    """Cluster f32[n, d] and write both files; `nearest` centroids an image, nearest first."""
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
    write_csv(
        folder / names.KMEANS_ASSIGNMENTS, names.KMEANS_COLUMNS, _assignments(filenames, found)
    )
    return found


def _assignments(filenames: Sequence[str], found: Clusters) -> Iterator[tuple[object, ...]]:
    pairs = zip(found.ids.tolist(), found.distances.tolist(), strict=True)
    for row, (ids, distances) in enumerate(pairs):
        for centroid, distance in zip(ids, distances, strict=True):
            yield row, filenames[row], centroid, f"{distance:.6f}"
