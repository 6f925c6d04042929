"""run_kmeans and run_kmeans_on_extracted: k-means over pictures or stored features."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from fastdup_gpu import pipeline
from fastdup_gpu._config import make_config
from fastdup_gpu._errors import InvalidArgument, WorkDirError
from fastdup_gpu._params import whole_number
from fastdup_gpu._registry import open_backend
from fastdup_gpu.formats.features import listed_features, open_features
from fastdup_gpu.formats.files import prepare_folder
from fastdup_gpu.stages.kmeans import cluster

_RUN_DEFAULTS: dict[str, Any] = {
    "test_dir": "",
    "compute": "cpu",
    "turi_param": "run_stats=0",
    "distance": "cosine",
    "threshold": 0.9,
    "lower_threshold": 0.05,
    "version": False,
    "run_mode": 1,
    "nn_provider": "nnf",
    "min_offset": 0,
    "max_offset": 0,
    "nnf_mode": "HNSW32",
    "nnf_param": "",
    "bounding_box": "",
    "batch_size": 1,
    "resume": 1,
    "high_accuracy": False,
}


def run_kmeans(num_clusters: int, num_em_iter: int, **arguments: Any) -> None:
    """Extract features (those of an interrupted or finished earlier call count), then cluster."""
    _check(num_clusters, num_em_iter)
    config = make_config(**{**_RUN_DEFAULTS, **arguments})
    pipeline.run(config)
    _cluster(config.work_dir, config.work_dir, num_clusters, num_em_iter, config.k)


def run_kmeans_on_extracted(num_clusters: int, num_em_iter: int, **arguments: Any) -> None:
    """Cluster the features stored in input_dir, or in work_dir where input_dir has none."""
    _check(num_clusters, num_em_iter)
    config = make_config(**{**_RUN_DEFAULTS, **arguments, "run_mode": 2})
    given = config.input_dir
    named = isinstance(given, str) and bool(given) and bool(listed_features(Path(given)))
    folder = Path(os.fspath(given)) if named and isinstance(given, str) else config.work_dir
    _cluster(folder, config.work_dir, num_clusters, num_em_iter, config.k, config.d)


def _check(num_clusters: int, num_em_iter: int) -> None:
    for name, value in (("num_clusters", num_clusters), ("num_em_iter", num_em_iter)):
        whole_number(name, value, 1, 1_000_000)


def _cluster(
    features_in: Path, work_dir: Path, clusters: int, iterations: int, nearest: int, d: int = 576
) -> None:
    found = listed_features(features_in)
    if len(found) != 1:
        raise WorkDirError(
            f"{features_in} holds {len(found)} features files, one was expected; "
            "run with run_mode=1 first"
        )
    stored = open_features(found[0], d)
    if clusters > len(stored.filenames):
        raise InvalidArgument(
            f"num_clusters={clusters} is more than the {len(stored.filenames)} images in "
            f"{found[0]}; ask for fewer"
        )
    prepare_folder(work_dir)
    cluster(
        open_backend("cpu"),
        stored.filenames,
        stored.matrix,
        work_dir,
        clusters=clusters,
        iterations=iterations,
        nearest=min(nearest, clusters),
    )
