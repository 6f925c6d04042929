"""run_mode 2: join features from one place or several into the work_dir."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fastdup_gpu._config import RunConfig
from fastdup_gpu._errors import FormatError, InvalidArgument, WorkDirError
from fastdup_gpu.formats import names, stale
from fastdup_gpu.formats.features import (
    FeatureSet,
    feature_paths,
    is_features_name,
    open_features,
    write_features,
)
from fastdup_gpu.formats.files import read_json, write_json
from fastdup_gpu.models.manifest import same_model
from fastdup_gpu.stages import joins
from fastdup_gpu.stages.joined_tables import join_tables
from fastdup_gpu.stages.stored import Named, named_features, shown

_log = logging.getLogger("fastdup_gpu")


def work_folder(config: RunConfig) -> Path:
    """The work_dir; in run_mode 2 it may name a features file, which stands for its folder."""
    return config.work_dir.parent if _names_file(config) else config.work_dir


def _names_file(config: RunConfig) -> bool:
    return config.run_mode == 2 and is_features_name(config.work_dir)


def features_asked_for(config: RunConfig, folder: Path) -> list[Path]:
    """The features files that run_mode=2 has to join; [] = use those in the work_dir unchanged.

    These are the features file that work_dir names, else those that input_dir names itself (a
    features file, a list of them, or the folder with them). Otherwise input_dir is ignored, as the
    specification says, and the features extracted into work_dir are used; only if there are none,
    or if they were joined before, those somewhere below input_dir are. Nothing is touched here;
    raises WorkDirError if there are no features, or if extracted ones would be overwritten.
    """
    own = feature_paths(folder)[0]
    found = _named(config).without(own)
    if not found.files or [dat.resolve() for dat in found.files] == [own.resolve()]:
        _require(own, config)
        return []
    if own.resolve() in [dat.resolve() for dat in found.files]:
        raise WorkDirError(
            f"{own} is one of the {len(found.files)} features files to be joined and would be "
            "overwritten; give another work_dir"
        )
    if not own.is_file() or joins.joined_before(folder):
        return [] if joins.unchanged(folder, found.files) else _without_test(found.files, config)
    if not found.directly:
        _log.warning(
            "run_mode=2 uses the features in %s, not the %d other(s) below input_dir=%r; to join "
            "those, give them as a list with another work_dir",
            folder,
            len(found.files),
            config.input_dir,
        )
        return []
    return _unless_the_same(found.files, own, config)


def _named(config: RunConfig) -> Named:
    if _names_file(config):
        return named_features("work_dir", str(config.work_dir))
    own = feature_paths(config.work_dir)[0]
    found = named_features("input_dir", config.input_dir)
    given = config.input_dir if isinstance(config.input_dir, str) else ""
    itself = given and Path(given).resolve() == own.parent.resolve()
    if itself and joins.joined_before(config.work_dir):  # from sub-folders; there may be more now
        found = Named(sorted(own.parent.rglob(own.name)))
    return found if found.directly else Named(joins.without_joined(found.files))


def _require(own: Path, config: RunConfig) -> None:
    if not own.is_file():
        raise WorkDirError(
            f"run_mode=2 found neither features in {shown('input_dir', config.input_dir)} nor "
            f"{own}; run with run_mode=1 first, or store your own with save_binary_feature"
        )


def _without_test(files: list[Path], config: RunConfig) -> list[Path]:
    if config.test_dir:
        raise InvalidArgument(
            "run_mode=2 was given test_dir together with features to be joined, for which there "
            "are no test features yet; join them without test_dir, then compare with run_mode=3 "
            "(images) or run_mode=4 (features)"
        )
    return files


def _unless_the_same(files: list[Path], own: Path, config: RunConfig) -> list[Path]:
    sets, stored = [open_features(dat, config.d) for dat in files], open_features(own)
    rows = 0
    for part in sets:
        rows, begin = rows + len(part.filenames), rows
        if part.filenames != stored.filenames[begin:rows]:
            break
        if not np.array_equal(part.matrix, stored.matrix[begin:rows], equal_nan=True):
            break
    else:
        if rows == len(stored.filenames):
            return []
    raise WorkDirError(
        f"{own} contains other features (extracted or stored there), which those of {files[0]} "
        "would overwrite; give another work_dir, or remove that file"
    )


def join(files: list[Path], config: RunConfig, folder: Path) -> None:
    """Write the features of `files` one after the other into the work_dir, with the statistics and
    lists of their runs, and a record of these files."""
    sets = [open_features(dat, config.d) for dat in files]
    check_same_dim(files, sets)
    record = joins.begin(folder, files)
    stale.make_room(folder, joining=True)
    filenames = [name for s in sets for name in s.filenames]
    write_features(folder, filenames, [s.matrix for s in sets])
    join_tables(list(zip(files, sets, strict=True)), folder)
    if model := _common_model(files):
        write_json(folder / names.CONFIG, {"model": model})
    joins.finish(folder, record)


def check_same_dim(found: Sequence[Path], sets: Sequence[FeatureSet]) -> None:
    """Raise FormatError if the features do not all have the same length."""
    dims = {s.matrix.shape[1]: dat for dat, s in zip(found, sets, strict=True) if s.filenames}
    if len(dims) > 1:
        listed = ", ".join(f"{d} in {dat}" for d, dat in dims.items())
        raise FormatError(f"features of different lengths cannot be joined: {listed}")


def _common_model(files: list[Path]) -> dict[str, Any] | None:
    """What config.json beside the files says about their model, if that is the same for all."""
    models = []
    for dat in files:
        own = dat.name == names.FEATURES.format(kind=names.TRAIN)
        model = (read_json(dat.parent / names.CONFIG) or {}).get("model") if own else None
        if not isinstance(model, dict):
            return None
        models.append(model)
    first = models[0]
    same = all(same_model(str(m.get("sha256")), str(first.get("sha256"))) for m in models)
    return first if same else None
