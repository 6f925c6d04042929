"""Stored features as input: run_mode 2 (joined from several places), queries of run_mode 4."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from fastdup_gpu._config import Input, RunConfig
from fastdup_gpu._errors import FormatError, WorkDirError
from fastdup_gpu.formats import names, stale
from fastdup_gpu.formats.features import (
    FeatureSet,
    feature_paths,
    listed_features,
    locate,
    open_features,
    write_features,
)


def work_folder(config: RunConfig) -> Path:
    """The work_dir; in run_mode 2 it may name the features file itself, and means its folder."""
    path = config.work_dir
    if config.run_mode == 2 and path.name.endswith((".dat", ".dat.csv")):
        return path.parent
    return path


def gather_features(config: RunConfig, folder: Path) -> None:
    """Bring the features that run_mode=2 means into the work_dir.

    input_dir counts where it names features (a features file, a folder with them, a list of
    them); otherwise, as the specification says, it is ignored and the work_dir's own are used.
    What an earlier run joined in a work_dir inside that folder is not joined again.
    """
    own = feature_paths(folder)[0]
    found = _features_of(config.input_dir, own) or [own]
    if [p.resolve() for p in found] == [own.resolve()]:
        if not own.is_file():
            raise WorkDirError(
                f"run_mode=2 found no features in input_dir={config.input_dir!r} nor {own}; "
                "run with run_mode=1 first, or store your own with save_binary_feature"
            )
        return
    if own.resolve() in [dat.resolve() for dat in found]:
        raise WorkDirError(
            f"{own} is among the {len(found)} files of features to be joined, and would be "
            "overwritten; give another work_dir"
        )
    sets = [open_features(dat, config.d) for dat in found]
    _check_same_dim(found, sets)
    stale.clear(folder, names.TRAIN)
    filenames = [name for s in sets for name in s.filenames]
    write_features(folder, filenames, [s.matrix for s in sets])


def _check_same_dim(found: list[Path], sets: list[FeatureSet]) -> None:
    dims = {s.matrix.shape[1]: dat for dat, s in zip(found, sets, strict=True) if s.filenames}
    if len(dims) > 1:
        listed = ", ".join(f"{d} in {dat}" for d, dat in dims.items())
        raise FormatError(f"features of different length cannot be joined: {listed}")


def _features_of(given: Input, own: Path) -> list[Path]:
    if isinstance(given, (str, os.PathLike)):
        path = Path(given)
        if path.name.endswith((".dat", ".dat.csv")) and not locate(path).is_file():
            raise WorkDirError(f"input_dir={os.fspath(given)!r}: {locate(path)} does not exist")
        found = listed_features(path) if os.fspath(given) else []
        below = path.is_dir() and len(found) > 1
        return [dat for dat in found if not below or dat.resolve() != own.resolve()]
    return [dat for entry in given for dat in listed_features(Path(entry))]


def query_features(config: RunConfig, folder: Path, base: FeatureSet) -> FeatureSet | None:
    """What is compared with the base: None for the base itself."""
    test = feature_paths(folder, names.TEST)[0]
    if config.run_mode == 4:
        return _stored_queries(config, folder, base)
    if config.run_mode == 3 or (config.run_mode in (0, 2) and config.test_dir):
        return open_features(test, base.matrix.shape[1])
    return None


def _stored_queries(config: RunConfig, folder: Path, base: FeatureSet) -> FeatureSet | None:
    """run_mode 4: test_dir, else input_dir, else stored test features, else the base itself."""
    test = feature_paths(folder, names.TEST)[0]
    for given in (config.test_dir, config.input_dir):
        if not isinstance(given, str) or not given:
            continue
        for dat in (locate(Path(given), names.TEST), locate(Path(given))):
            if dat.is_file() and dat.resolve() != feature_paths(folder)[0].resolve():
                return open_features(dat, base.matrix.shape[1])
    return open_features(test, base.matrix.shape[1]) if test.is_file() else None


def files_behind(base: FeatureSet, queries: FeatureSet | None) -> list[Path]:
    """The feature files in use, for telling whether they changed."""
    maps = [s.matrix for s in (base, queries) if s is not None]
    return [Path(os.fspath(m.filename)) for m in maps if isinstance(m, np.memmap) and m.filename]
