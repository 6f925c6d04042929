"""The stored features that an argument of a run stands for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastdup_gpu._config import RunConfig
from fastdup_gpu._errors import FormatError, InvalidArgument, WorkDirError
from fastdup_gpu._options import Input
from fastdup_gpu.formats import names
from fastdup_gpu.formats.features import (
    FeatureSet,
    feature_paths,
    is_features_name,
    is_folder,
    list_entries,
    listed_features,
    locate,
    open_features,
    own_features,
    required_features,
)
from fastdup_gpu.sources.base import has_image_extension, is_archive, is_video


@dataclass(frozen=True, slots=True)
class Named:
    """The features `files` that an argument stands for; `directly`: it names them or their folders,
    rather than a folder with some of them somewhere below."""

    files: list[Path]
    directly: bool = False

    def without(self, own: Path) -> Named:
        """The same without `own`, the features of the work_dir, unless named directly."""
        if self.directly:
            return self
        return Named([dat for dat in self.files if dat.resolve() != own.resolve()])


def named_features(argument: str, given: Input) -> Named:
    """The features that an argument stands for; none if it stands for something else, such as
    images.

    Raises WorkDirError for missing features files and for entries of a list that have none,
    InvalidArgument for entries that are not paths.
    """
    if not isinstance(given, (str, os.PathLike)):
        entries = [_path(argument, i, entry) for i, entry in enumerate(given)]
        return _of_list(entries, argument)
    path, name = Path(given), os.fspath(given)
    if not name or has_image_extension(name) or is_archive(name) or is_video(name):
        return Named(own_features(path) if name else [], directly=True)
    if entries := list_entries(path) if not is_features_name(path) else []:
        return _of_list(entries, str(path))
    return _of_entry(path, argument)


def shown(argument: str, given: Input) -> str:
    """An argument as messages show it, without the entries of a list."""
    if isinstance(given, (str, os.PathLike)):
        return f"{argument}={os.fspath(given)!r}"
    return f"the list given as {argument}"


def _path(argument: str, place: int, entry: object) -> Path:
    if not isinstance(entry, (str, os.PathLike)):
        raise InvalidArgument(
            f"{argument}[{place}]={entry!r} is of type {type(entry).__name__}; expected the path "
            "of a features file or of a folder with features"
        )
    return Path(entry)


def _of_list(entries: list[Path], listed_in: str) -> Named:
    """The features of all entries; none if no entry has any, because the list is of other things.
    Raises WorkDirError if only some entries have them."""
    found = [_of_entry(entry, listed_in) for entry in entries]
    if not any(named.files for named in found):
        return Named([])
    for entry, named in zip(entries, found, strict=True):
        if not named.files:
            required_features(entry, listed_in)
    files = [dat for named in found for dat in named.files]
    return Named(files, any(named.directly for named in found))


def _of_entry(entry: Path, named_by: str) -> Named:
    if is_features_name(entry):
        dat = locate(entry)
        if not dat.is_file():
            raise WorkDirError(
                f"{named_by}: the features file {dat} does not exist; correct its path"
            )
        return Named([dat], directly=True)
    if own := own_features(entry):
        return Named(own, directly=True)
    return Named(listed_features(entry) if is_folder(entry) else [])


def query_features(config: RunConfig, folder: Path, base: FeatureSet) -> FeatureSet | None:
    """The features to compare with the base; None for the base itself."""
    test = feature_paths(folder, names.TEST)[0]
    if config.run_mode == 4:
        files = _stored_queries(config, test, base)
    else:
        compared = config.run_mode == 3 or (config.run_mode in (0, 2) and config.test_dir)
        files = [test] if compared else []
    return _open_queries(files, base) if files else None


def _stored_queries(config: RunConfig, test: Path, base: FeatureSet) -> list[Path]:
    """run_mode 4: test_dir, else input_dir, else stored test features, else the base itself."""
    for argument, given in (("test_dir", config.test_dir), ("input_dir", config.input_dir)):
        if given:
            files = _queries_of(argument, given, base.files[0])
            return [] if [f.resolve() for f in files] == [base.files[0].resolve()] else files
    return [test] if test.is_file() else []


def _queries_of(argument: str, given: Input, own: Path) -> list[Path]:
    if isinstance(given, str) and not is_features_name(Path(given)):
        test = feature_paths(Path(given), names.TEST)[0]
        if test.is_file():
            return [test]
    files = named_features(argument, given).without(own).files
    if not files:
        raise WorkDirError(
            f"run_mode=4 compares stored features, but {shown(argument, given)} contains none; run "
            f"over it with run_mode=1 first, use run_mode=3 for images, or leave {argument} out to "
            "use the features in work_dir"
        )
    return files


def _open_queries(files: list[Path], base: FeatureSet) -> FeatureSet:
    dim = base.matrix.shape[1]
    sets = [open_features(dat) for dat in files]
    for part, dat in zip(sets, files, strict=True):
        if part.filenames and part.matrix.shape[1] != dim:
            raise FormatError(
                f"the features in {dat} have length {part.matrix.shape[1]}, but those in "
                f"{base.files[0]}, which they are compared with, have length {dim}; extract both "
                "with the same model"
            )
    if len(sets) == 1 and sets[0].filenames:
        return sets[0]
    matrix = [part.matrix for part in sets if part.filenames]
    named = [name for part in sets for name in part.filenames]
    return FeatureSet(named, np.concatenate([np.zeros((0, dim), np.float32), *matrix]), (*files,))


def files_behind(base: FeatureSet, queries: FeatureSet | None) -> list[Path]:
    """The features files in use, to detect changes."""
    return [dat for s in (base, queries) if s is not None for dat in s.files]
