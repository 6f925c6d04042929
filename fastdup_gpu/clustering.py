"""run_kmeans and run_kmeans_on_extracted: k-means over images or stored features."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np

from fastdup_gpu import pipeline
from fastdup_gpu._arguments import whole_number
from fastdup_gpu._config import RunConfig, folder_of_results, make_config
from fastdup_gpu._errors import InputError, InvalidArgument, WorkDirError
from fastdup_gpu._registry import open_backend
from fastdup_gpu._words import say
from fastdup_gpu.formats import names
from fastdup_gpu.formats.features import listed_features, open_features
from fastdup_gpu.formats.files import TEXT, held, prepare_folder
from fastdup_gpu.protocol import F32
from fastdup_gpu.stages.joined import check_same_dim
from fastdup_gpu.stages.kmeans import cluster

_STATISTICS = {
    names.STATS_COLUMNS: "run_stats=1",
    names.STATS_COLUMNS_ADVANCED: "run_advanced_stats=1",
}


def run_kmeans(num_clusters: int, num_em_iter: int, **arguments: Any) -> None:
    """Extract features, then cluster them. Features of a finished or interrupted run over the same
    images are used, and its files are kept."""
    _check(num_clusters, num_em_iter)
    as_before = {"turi_param": _statistics(folder_of_results(arguments["work_dir"]))}
    config = make_config(**{**as_before, "run_mode": 1, "resume": 1, **arguments})
    summary = pipeline.run(config)
    if config.verbose:
        say("\n".join(summary.lines()))
    _cluster(config, config.work_dir, num_clusters, num_em_iter)


def run_kmeans_on_extracted(num_clusters: int, num_em_iter: int, **arguments: Any) -> None:
    """Cluster the features stored in input_dir, or in work_dir if input_dir has none."""
    _check(num_clusters, num_em_iter)
    config = make_config(**{**arguments, "run_mode": 2})
    _cluster(config, _features_folder(config), num_clusters, num_em_iter)


def _statistics(work_dir: Path) -> str:
    """The turi_param with which a run wrote the statistics in work_dir, so that they are kept."""
    stored = (work_dir / names.FEATURES_CSV.format(kind=names.TRAIN)).is_file()
    path = work_dir / names.STATS_CSV.format(kind=names.TRAIN)
    if not path.is_file():
        return "run_stats=0" if stored else ""
    with path.open(**TEXT) as stream:  # type: ignore[call-overload]
        return _STATISTICS.get(tuple(next(csv.reader(stream), ())), "")


def _features_folder(config: RunConfig) -> Path:
    given = config.input_dir
    if not isinstance(given, str) or not given:
        return config.work_dir
    if not os.path.lexists(given):
        raise InputError(f"input_dir={given!r} does not exist; give a folder with stored features")
    return Path(given) if listed_features(Path(given)) else config.work_dir


def _check(num_clusters: int, num_em_iter: int) -> None:
    for name, value in (("num_clusters", num_clusters), ("num_em_iter", num_em_iter)):
        whole_number(name, value, 1, 1_000_000)


def _stored(place: Path, d: int) -> tuple[list[str], F32]:
    """Names and rows of the features in a folder, those of several nodes one after the other."""
    found = listed_features(place)
    if not found:
        raise WorkDirError(f"{place} contains no features file; run with run_mode=1 first")
    sets = [open_features(dat, d) for dat in found]
    check_same_dim(found, sets)
    if len(sets) == 1:
        return sets[0].filenames, sets[0].matrix
    filled = [part.matrix for part in sets if part.filenames] or [sets[0].matrix]
    return [name for part in sets for name in part.filenames], np.concatenate(filled)


def _cluster(config: RunConfig, features_in: Path, clusters: int, iterations: int) -> None:
    filenames, matrix = _stored(features_in, config.d)
    filenames = filenames[: config.num_images or None]
    if clusters > len(filenames):
        raise InvalidArgument(
            f"num_clusters={clusters} is more than the {len(filenames)} images in "
            f"{features_in}; give a smaller number"
        )
    prepare_folder(config.work_dir)
    with held(config.work_dir):
        cluster(
            open_backend(config.compute, device=config.tuning.device),
            filenames,
            matrix[: len(filenames)],
            config.work_dir,
            clusters=clusters,
            iterations=iterations,
            nearest=min(config.k, clusters),
            seed=config.tuning.seed,
            threads=config.search.threads,
        )
    if config.verbose:
        say(f"{len(filenames)} images in {clusters} clusters")
