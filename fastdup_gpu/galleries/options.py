"""The documented arguments of the galleries, checked once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from fastdup_gpu._arguments import flag, has_entries, one_of, path_text, real_number, whole_number
from fastdup_gpu._errors import InvalidArgument, choose
from fastdup_gpu.analysis.annotations import Boxes, Labels
from fastdup_gpu.analysis.slices import check_slice

Slice = str | Sequence[str] | None
COMMON_EXTRAS = ("save_artifacts", "nrows")
_SIMILARITY = "a similarity from -1 to 1"
COMPONENT_EXTRAS = (*COMMON_EXTRAS, "split_sentence_to_label_list", "limit_labels_printed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The arguments of a gallery; the names are those of the documented arguments.

    `num_images` counts the entries of a gallery (pairs, images, components, rows); 0 = all.
    """

    save_path: Path
    num_images: int = 20
    descending: bool = True
    lazy_load: bool = False
    get_label_func: Labels = None
    slice: Slice = None
    max_width: int | None = None
    get_bounding_box_func: Boxes = None
    get_reformat_filename_func: Callable[[str], Any] | None = None
    get_filename_reformat_func: Callable[[str], Any] | None = None  # of the aspect ratio gallery
    get_extra_col_func: Callable[[str], Any] | None = None
    input_dir: str | os.PathLike[str] | None = None
    work_dir: str | os.PathLike[str] | None = None
    threshold: float | None = None
    how: str = "one"
    group_by: str = "visual"
    metric: str | None = None
    min_items: int | None = None
    max_items: int | None = None
    keyword: str | None = None
    save_artifacts: bool = False
    nrows: int | None = None
    split_sentence_to_label_list: bool = False
    limit_labels_printed: int | None = None

    @property
    def naming(self) -> tuple[str, Callable[[str], Any] | None]:
        """The function that shortens names, after the argument that gave it."""
        if self.get_filename_reformat_func is not None:
            return "get_filename_reformat_func", self.get_filename_reformat_func
        return "get_reformat_filename_func", self.get_reformat_filename_func

    @property
    def shown(self) -> int | None:
        """How many entries to list, in the form that a list slice takes."""
        return self.num_images or None


def make_options(
    arguments: Mapping[str, Any], extras: Mapping[str, Any], known: Sequence[str] = COMMON_EXTRAS
) -> Options:
    """Options from documented arguments and `**kwargs`; raises InvalidArgument."""
    check_keywords(extras, known, arguments)
    given = {**arguments, **extras}
    given["save_path"] = Path(path_text("save_path", given["save_path"]))
    if given.get("input_dir") is not None:
        given["input_dir"] = path_text("input_dir", given["input_dir"])
    for name in ("descending", "lazy_load", "save_artifacts"):
        if name in given:
            given[name] = flag(name, given[name])
    if has_entries(given.get("slice")):
        given["slice"] = list(given["slice"])
    _check_counts(given)
    _check_functions(given)
    _check_choices(given)
    return Options(**{f.name: given[f.name] for f in fields(Options) if f.name in given})


def check_keywords(
    extras: Iterable[str], known: Iterable[str], arguments: Iterable[str] = ()
) -> None:
    """Raise InvalidArgument for a keyword argument that is not in `known`; the message lists these
    and the other `arguments` of the function."""
    for name in extras:
        if name not in known:
            raise choose("keyword argument", name, sorted({*known, *arguments}))


def _check_counts(given: dict[str, Any]) -> None:
    smallest = {"num_images": 0, "max_width": 1, "min_items": 0, "max_items": 1, "nrows": 0}
    smallest["limit_labels_printed"] = 0
    for name, least in smallest.items():
        if given.get(name) is not None:
            given[name] = whole_number(name, given[name], least)
    if given.get("num_images", 0) is None:
        raise InvalidArgument("num_images=None: expected a whole number; 0 shows all")
    if given.get("threshold") is not None:
        given["threshold"] = real_number("threshold", given["threshold"], _SIMILARITY, -1, 1)


def _check_functions(given: Mapping[str, Any]) -> None:
    """Raise InvalidArgument for anything that is neither callable nor None."""
    names = ("get_reformat_filename_func", "get_filename_reformat_func", "get_extra_col_func")
    for name in names:
        value = given.get(name)
        if value is not None and not callable(value):
            raise InvalidArgument(f"{name} is a {type(value).__name__}; expected a callable")


def _check_choices(given: Mapping[str, Any]) -> None:
    for name, known in (("how", ["one", "all"]), ("group_by", ["visual", "label"])):
        if name in given:
            one_of(name, given[name], known)
    wanted = given.get("slice")
    check_slice(wanted)
    if wanted is not None and given.get("get_label_func") is None:
        raise InvalidArgument(
            f"slice={wanted!r} needs labels; give get_label_func, the label of each image"
        )
