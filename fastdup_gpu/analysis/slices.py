"""The labels that a slice and a keyword ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from fastdup_gpu._arguments import has_entries
from fastdup_gpu._errors import InvalidArgument

Everywhere = Callable[[], Iterable[Sequence[str]]]


def check_slice(slice: object) -> None:
    """Raise InvalidArgument for anything that is neither a label nor a list of them, nor None."""
    if not (slice is None or isinstance(slice, str | int | np.integer) or has_entries(slice)):
        raise InvalidArgument(f"slice={slice!r}: expected a label, or a list of labels")


def wanted_labels(
    slice: str | int | Iterable[object] | None,
    present: Iterable[Sequence[str]],
    everywhere: Everywhere = tuple,
) -> set[str]:
    """The labels that a slice names, as texts; raises InvalidArgument if no image has any of them.
    `everywhere` returns the labels of all images, if those `present` are only a part of them."""
    names = slice if has_entries(slice) else [slice]
    wanted = {str(name) for name in names if name is not None}
    known = _found(wanted.__contains__, present, everywhere)
    if wanted.isdisjoint(known):
        raise _unknown(f"slice={slice!r}: no image here has this label", known)
    return wanted


def labels_with(
    keyword: str, present: Iterable[Sequence[str]], everywhere: Everywhere = tuple
) -> set[str]:
    """The labels that contain a keyword; raises InvalidArgument if no image has any."""
    if not isinstance(keyword, str):
        raise InvalidArgument(f"keyword={keyword!r}: expected a text that labels contain")
    known = _found(lambda label: keyword in label, present, everywhere)
    wanted = {label for label in known if keyword in label}
    if not wanted:
        raise _unknown(f"keyword={keyword!r}: no label of an image here contains it", known)
    return wanted


def _found(
    wanted: Callable[[str], bool], present: Iterable[Sequence[str]], everywhere: Everywhere
) -> set[str]:
    """All labels present; if none of them is wanted, those of all images as well."""
    known = {label for labels in present for label in labels}
    return known if any(map(wanted, known)) else known.union(*everywhere())


def _unknown(problem: str, known: set[str]) -> InvalidArgument:
    some = ", ".join(repr(label) for label in sorted(known)[:10])
    return InvalidArgument(f"{problem}; labels are {some or 'missing'}")
