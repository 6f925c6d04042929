"""Labels given by a user in any of the accepted forms, looked up by file name."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from fastdup_gpu._arguments import has_entries
from fastdup_gpu._errors import InvalidArgument
from fastdup_gpu.analysis.label_files import read_label_file
from fastdup_gpu.analysis.label_order import Order, names_of_run, order_of_run
from fastdup_gpu.analysis.label_texts import as_labels
from fastdup_gpu.formats.files import read_json
from fastdup_gpu.formats.names import CONFIG

Labels = Callable[[str], Any] | Mapping[str, Any] | Sequence[Any] | str | os.PathLike[str] | None
ARGUMENT = "get_label_func"
FORMS = (
    "expected a callable, a dict by file name, a csv index,label or filename,label, a DataFrame "
    "filename,label, or a list with a label for each image"
)


@dataclass(frozen=True, slots=True)
class LabelSource:
    """`find` returns the label of a name. If labels are stored by name, `knows` tells whether a
    name is one of the keys, and `example` is one of them."""

    argument: str
    find: Callable[[str], Any]
    knows: Callable[[str], bool] | None = None
    example: object = None

    def knows_any(self, filenames: Sequence[str]) -> bool:
        """Whether the label of any of the names is known."""
        return self.knows is None or any(map(self.knows, filenames))

    def check(
        self, filenames: Sequence[str], work_dir: str | os.PathLike[str] | None = None
    ) -> None:
        """Raise InvalidArgument if neither one of the names nor any name of the run is known."""
        if not filenames or self.knows_any(filenames) or self.knows_any(names_of_run(work_dir)):
            return
        raise InvalidArgument(
            f"{self.argument} has none of the {len(filenames)} file names; its keys look like "
            f"{self.example!r}, the names like {filenames[0]!r}"
        )


def open_labels(
    given: object, work_dir: str | os.PathLike[str] | None = None, own: Order | None = None
) -> LabelSource | None:
    """A source of the labels given, None if none were given; raises InvalidArgument.

    Labels without names are in the order of the features csv of `work_dir`, or, if there is none,
    in the order `own`.
    """
    if given is None:
        return None
    inside = _below_input(work_dir)
    if isinstance(given, str | os.PathLike):
        return _of_csv(Path(given), work_dir, own, inside)
    if isinstance(given, pd.DataFrame) and {"filename", "label"} <= set(given):
        given = _one_each(given["filename"], given["label"], ARGUMENT)
    source = open_named(given, ARGUMENT, inside)
    if source is not None:
        return source
    labels = as_list(given, ARGUMENT, FORMS)
    if isinstance(given, pd.Series) and _is_shuffled(given.index):
        raise InvalidArgument(
            f"{ARGUMENT} is a Series whose index holds the row numbers in another order; give its "
            "tolist() if that is the order of the images, otherwise a dict by file name"
        )
    order = order_of_run(work_dir, own)
    return _of_list(order, order.aligned(labels, None, ARGUMENT), ARGUMENT)


def open_named(
    given: object, argument: str, inside: Callable[[str], str] = str
) -> LabelSource | None:
    """A source of labels by file name: a callable, a mapping, or a Series whose index does not
    consist of row numbers; None for anything else. `inside`: another name by which an image may be
    listed."""
    if isinstance(given, pd.Series) and not pd.api.types.is_integer_dtype(given.index.dtype):
        given = dict(zip(given.index, given, strict=True))
    if isinstance(given, Mapping):
        return _of_mapping(given, argument, inside)
    if callable(given):
        function = given
        return LabelSource(argument, lambda name: call(function, name, argument))
    return None


def as_list(given: object, argument: str, expected: str) -> list[Any]:
    """The entries of a list, an array or a column; raises InvalidArgument for anything without
    entries in a definite order."""
    unfit = isinstance(given, set | frozenset | pd.DataFrame)
    if unfit or not has_entries(given):
        raise InvalidArgument(f"{argument} is a {type(given).__name__}; {expected}")
    return list(given)


def absolute(name: str) -> str:
    """The name of a file as an absolute path."""
    return str(Path(name).absolute())


def call(function: Callable[[str], Any], name: str, argument: str) -> Any:
    """The result of a user's function for a name; raises InvalidArgument naming the file."""
    try:
        return function(name)
    except Exception as error:  # a user's function may raise anything
        raise InvalidArgument(
            f"{argument} failed for {name!r}: {type(error).__name__}: {error}"
        ) from error


def _below_input(work_dir: str | os.PathLike[str] | None) -> Callable[[str], str]:
    """A function that turns the name of an image of a run into that relative to its input_dir."""
    config = None if work_dir is None else read_json(Path(work_dir) / CONFIG)
    root = (config or {}).get("input_dir")
    if not isinstance(root, str) or not root:
        return str
    folder = root.rstrip("/") + "/"
    return lambda name: name.removeprefix(folder)


def _of_mapping(
    given: Mapping[Any, Any], argument: str, inside: Callable[[str], str] = str
) -> LabelSource:
    """By name: as in the files, absolute, or as `inside` says. Defaults, such as those of a
    defaultdict, are used."""
    if isinstance(next(iter(given), None), os.PathLike):
        given = {os.fspath(name): label for name, label in given.items()}

    def knows(name: str) -> bool:
        return name in given or absolute(name) in given or inside(name) in given

    def find(name: str) -> Any:
        for known in (name, absolute(name)):
            if known in given:
                return given[known]
        return given.get(inside(name))

    if not hasattr(type(given), "__missing__"):
        return LabelSource(argument, find, knows, next(iter(given), None))
    own = copy.copy(given)  # because a defaultdict stores every key that is looked up

    def find_or_make(name: str) -> Any:
        return find(name) if knows(name) else call(own.__getitem__, name, argument)

    return LabelSource(argument, find_or_make)


def _of_list(order: Order, aligned: list[Any], argument: str) -> LabelSource:
    return _of_mapping(_one_each(order.names, aligned, argument), argument)


def _one_each(names: Iterable[str], labels: Iterable[Any], argument: str) -> dict[str, Any]:
    """Labels by name; raises InvalidArgument if a name has two different ones."""
    found: dict[str, Any] = {}
    for name, label in zip(names, labels, strict=True):
        if name in found and as_labels(found[name]) != as_labels(label):
            raise InvalidArgument(
                f"{argument} has two labels for {name!r}, {found[name]!r} and {label!r}; give one, "
                "or a list of both"
            )
        found[name] = label
    return found


def _of_csv(
    path: Path,
    work_dir: str | os.PathLike[str] | None,
    own: Order | None,
    inside: Callable[[str], str],
) -> LabelSource:
    given = f"{ARGUMENT}={str(path)!r}"
    stored = read_label_file(path, given)
    if stored.filenames is not None:
        return _of_mapping(_one_each(stored.filenames, stored.labels, given), given, inside)
    order = order_of_run(work_dir, own)
    return _of_list(order, order.aligned(stored.labels, stored.ids, given), given)


def _is_shuffled(index: pd.Index[Any]) -> bool:
    rows = list(range(len(index)))
    return index.tolist() != rows and sorted(index.tolist()) == rows
