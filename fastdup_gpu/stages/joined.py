"""run_mode 2: bringing features together, from one place or several, into the work_dir."""

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
    """The work_dir; in run_mode 2 it may name the features file itself, and means its folder."""
    return config.work_dir.parent if _names_file(config) else config.work_dir


def _names_file(config: RunConfig) -> bool:
    return config.run_mode == 2 and is_features_name(config.work_dir)


def features_asked_for(config: RunConfig, folder: Path) -> list[Path]:
    """The files of features that run_mode=2 means: [] for those in the work_dir as they are.

    A features file that work_dir names, else those that input_dir names itself (a features file,
    a list of them, the folder with them). Otherwise, as the specification says, input_dir is
    ignored: the features extracted into work_dir count, and only where there are none, or where
    they were joined before, those somewhere below input_dir do. Nothing is touched here; raises
    WorkDirError where there are no features, or where extracted ones would be overwritten.
    """
    own = feature_paths(folder)[0]
    found = _named(config).without(own)
    if not found.files or [dat.resolve() for dat in found.files] == [own.resolve()]:
        _require(own, config)
        return []
    if own.resolve() in [dat.resolve() for dat in found.files]:
        raise WorkDirError(
            f"{own} is among the {len(found.files)} files of features to be joined, and would be "
            "overwritten; give another work_dir"
        )
    if not own.is_file() or joins.joined_before(folder):
        return [] if joins.unchanged(folder, found.files) else _without_test(found.files, config)
    if not found.directly:
        _log.warning(
            "run_mode=2 takes the features in %s, not the %d other(s) below input_dir=%r; name "
            "those in a list, with another work_dir, to join them",
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
    if itself and joins.joined_before(config.work_dir):  # of folders below, which may be more now
        found = Named(sorted(own.parent.rglob(own.name)))
    return found if found.directly else Named(joins.without_joined(found.files))


def _require(own: Path, config: RunConfig) -> None:
    if not own.is_file():
        raise WorkDirError(
            f"run_mode=2 found no features in {shown('input_dir', config.input_dir)} nor {own}; "
            "run with run_mode=1 first, or store your own with save_binary_feature"
        )


def _without_test(files: list[Path], config: RunConfig) -> list[Path]:
    if config.test_dir:
        raise InvalidArgument(
            "run_mode=2 was given test_dir and features to be joined, beside which no test "
            "features stand yet; join them without test_dir, then compare with run_mode=3 "
            "(pictures) or run_mode=4 (features)"
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
        f"{own} holds other features, extracted there or stored by hand, which those of "
        f"{files[0]} would overwrite; give another work_dir, or remove that file"
    )


def join(files: list[Path], config: RunConfig, folder: Path) -> None:
    """Write the features of `files` one after the other into the work_dir, with what their runs
    told of the pictures, and from where."""
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
    """Raise FormatError where the rows of features files are not of one length."""
    dims = {s.matrix.shape[1]: dat for dat, s in zip(found, sets, strict=True) if s.filenames}
    if len(dims) > 1:
        listed = ", ".join(f"{d} in {dat}" for d, dat in dims.items())
        raise FormatError(f"features of different length cannot be joined: {listed}")


def _common_model(files: list[Path]) -> dict[str, Any] | None:
    """What config.json beside the files says of their model, where that is the same."""
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
