"""run_kmeans and run_kmeans_on_extracted: k-means over pictures or stored features."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from fastdup_gpu import pipeline
from fastdup_gpu._config import RunConfig, make_config
from fastdup_gpu._errors import InvalidArgument, WorkDirError
from fastdup_gpu._params import whole_number
from fastdup_gpu._registry import open_backend
from fastdup_gpu.formats.features import listed_features, open_features
from fastdup_gpu.formats.files import prepare_folder
from fastdup_gpu.stages.kmeans import cluster

_FEATURES: dict[str, Any] = {"turi_param": "run_stats=0", "run_mode": 1, "resume": 1}


def run_kmeans(num_clusters: int, num_em_iter: int, **arguments: Any) -> None:
    """Extract features (those of an interrupted or finished earlier call count), then cluster."""
    _check(num_clusters, num_em_iter)
    config = make_config(**{**_FEATURES, **arguments})
    pipeline.run(config)
    _cluster(config, config.work_dir, num_clusters, num_em_iter)


def run_kmeans_on_extracted(num_clusters: int, num_em_iter: int, **arguments: Any) -> None:
    """Cluster the features stored in input_dir, or in work_dir where input_dir has none."""
    _check(num_clusters, num_em_iter)
    config = make_config(**{**arguments, "run_mode": 2})
    given = config.input_dir
    named = isinstance(given, str) and bool(given) and bool(listed_features(Path(given)))
    folder = Path(os.fspath(given)) if named and isinstance(given, str) else config.work_dir
    _cluster(config, folder, num_clusters, num_em_iter)


def _check(num_clusters: int, num_em_iter: int) -> None:
    for name, value in (("num_clusters", num_clusters), ("num_em_iter", num_em_iter)):
        whole_number(name, value, 1, 1_000_000)


def _cluster(config: RunConfig, features_in: Path, clusters: int, iterations: int) -> None:
    found = listed_features(features_in)
    if len(found) != 1:
        raise WorkDirError(
            f"{features_in} holds {len(found)} features files, one was expected; "
            "run with run_mode=1 first"
        )
    stored = open_features(found[0], config.d)
    if clusters > len(stored.filenames):
        raise InvalidArgument(
            f"num_clusters={clusters} is more than the {len(stored.filenames)} images in "
            f"{found[0]}; ask for fewer"
        )
    prepare_folder(config.work_dir)
    cluster(
        open_backend(config.compute, device=config.tuning.device),
        stored.filenames,
        stored.matrix,
        config.work_dir,
        clusters=clusters,
        iterations=iterations,
        nearest=min(config.k, clusters),
        threads=config.search.threads,
    )
