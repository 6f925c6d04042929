"""Checks of a run that are possible before it touches anything."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fastdup_gpu._config import RunConfig
from fastdup_gpu._errors import InvalidArgument
from fastdup_gpu.formats import names
from fastdup_gpu.formats.features import feature_paths, open_features
from fastdup_gpu.formats.files import read_json
from fastdup_gpu.models.manifest import same_model
from fastdup_gpu.protocol import ModelSpec, SearchMode
from fastdup_gpu.stages.neighbors import check_header, read_header


def look_ahead(
    config: RunConfig, modes: Sequence[SearchMode], folder: Path, model: ModelSpec | None
) -> None:
    """Raise InvalidArgument, or the error of a stored file, if a run cannot succeed.

    `model` is the model of the run, None if no images are read.
    """
    if config.run_mode in (0, 2):
        _check_mode(config, modes)
    if config.run_mode in (3, 4):
        _check_distance(config, folder)
    if config.run_mode == 3 and model is not None:
        _check_base(config, folder, model)


def _check_mode(config: RunConfig, modes: Sequence[SearchMode]) -> None:
    if config.search.mode not in modes:
        raise InvalidArgument(
            f"nnf_mode={config.arguments['nnf_mode']!r} needs compute='gpu'; on the CPU: "
            "HNSW<links>, Flat, IVF<clusters>"
        )


def _check_distance(config: RunConfig, folder: Path) -> None:
    built_for, asked = read_header(folder)["metric"], config.search.metric
    if built_for != asked:
        raise InvalidArgument(
            f"distance={asked!r} was given, but {folder / names.INDEX} was built for "
            f"{built_for!r}; give that distance, or build another index with run_mode=2"
        )


def _check_base(config: RunConfig, folder: Path, model: ModelSpec) -> None:
    """Check that the images will have features that can be compared with those in the index."""
    stored = (read_json(folder / names.CONFIG) or {}).get("model")
    stored = stored if isinstance(stored, dict) else {}
    if "sha256" in stored and not same_model(str(stored["sha256"]), model.sha256):
        raise InvalidArgument(
            f"the features in {folder} come from the model {stored.get('file')!r}, but those of "
            f"test_dir would come from {model.path.name!r}; give the same model_path and "
            "high_accuracy as in that run"
        )
    base = open_features(feature_paths(folder)[0])
    check_header(folder, read_header(folder), base.matrix, config.search)
    if base.matrix.shape[1] != model.dim:
        raise InvalidArgument(
            f"the features in {folder} have length {base.matrix.shape[1]}, but "
            f"{model.path.name!r} outputs vectors of length {model.dim} for test_dir; give the "
            "model_path, d and high_accuracy of that run"
        )
