"""Which images of a group to keep."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastdup_gpu._arguments import has_entries, one_of, path_text
from fastdup_gpu._errors import InvalidArgument
from fastdup_gpu.analysis.facts import Facts
from fastdup_gpu.analysis.removal import Item, Origin
from fastdup_gpu.sources.pixels import read_header

Labels = Sequence[Sequence[str]]
PROTECTED = "it is in a protected folder"


@dataclass(frozen=True, slots=True)
class Policy:
    """What stays of a group. `how`: 'one' image, one of the 'majority' of labels, or with 'all'
    none; `keep`: the order that decides which one, a key of ORDERS; `protect`: folders (links
    followed) whose images all stay, in place of the others of their group."""

    how: str = "one"
    keep: str = "best"
    protect: tuple[str, ...] = ()

    def kept(self, items: Sequence[Item], labels: Labels, origin: Origin) -> list[Item]:
        """The items that stay; `labels` are those of each."""
        if guarded := [item for item in items if self.guards(item)]:
            return guarded
        if self.how == "all" or not items:
            return []
        carrying = _of_majority(items, labels) if self.how == "majority" else items
        return [min(carrying, key=lambda item: ORDERS[self.keep](item, origin))]

    def guards(self, item: Item) -> bool:
        """Whether it is in one of the protected folders, or is one of them through a link."""
        return any(item.place == top or item.place.startswith(_inside(top)) for top in self.protect)


def make_policy(how: str, known: Sequence[str], keep: str, protect: object) -> Policy:
    """A policy from checked arguments; `known` are the values of `how`. Raises InvalidArgument."""
    return Policy(one_of("how", how, known), one_of("keep", keep, ORDERS), folders(protect))


def folders(protect: object) -> tuple[str, ...]:
    """A folder, or several, with all links followed; raises InvalidArgument for anything else."""
    if isinstance(protect, str | os.PathLike):
        protect = [protect]
    if not has_entries(protect):
        raise InvalidArgument(f"protect={protect!r}: expected a folder or a list of folders")
    return tuple(_folder(folder) for folder in protect)


def _folder(folder: object) -> str:
    text = path_text("protect", folder)
    if not Path(text).is_dir():
        raise InvalidArgument(
            f"protect={text!r} is not a folder; give a folder whose images must stay"
        )
    return os.path.realpath(text)


def _inside(folder: str) -> str:
    return folder if folder.endswith(os.sep) else folder + os.sep


def _of_majority(items: Sequence[Item], labels: Labels) -> Sequence[Item]:
    """The images with the most frequent label; if several labels are equally frequent, all images
    with one of them. Without any label, all images."""
    counts = Counter(label for own in labels for label in set(own))
    top = max(counts.values(), default=0)
    leading = {label for label, count in counts.items() if count == top}
    return [i for i, own in zip(items, labels, strict=True) if leading & set(own)] or items


def _best(item: Item, origin: Origin) -> tuple[Any, ...]:
    """By Facts: those of the run if known, otherwise pixels and bytes of the file."""
    measures = origin.measures.get(item.name) or _measure(item.path)
    return Facts(item.name, *measures, is_link=Path(item.path).is_symlink()).rank()


def _oldest(item: Item, origin: Origin) -> tuple[Any, ...]:
    return (Path(item.path).stat().st_mtime_ns, *_best(item, origin))


def _newest(item: Item, origin: Origin) -> tuple[Any, ...]:
    return (-Path(item.path).stat().st_mtime_ns, *_best(item, origin))


def _first(item: Item, origin: Origin) -> tuple[Any, ...]:
    return (item.name,)


ORDERS: dict[str, Callable[[Item, Origin], tuple[Any, ...]]] = {
    "best": _best,
    "oldest": _oldest,
    "newest": _newest,
    "first": _first,
}
"""How two images of a group compare; the smallest stays."""


def _measure(path: str) -> tuple[int, int, float]:
    """Pixels according to the header (0 if it cannot be read), bytes, and sharpness 0."""
    try:
        with Path(path).open("rb") as stream:
            header = read_header(stream)
    except OSError as error:
        header = str(error)
    pixels = 0 if isinstance(header, str) else header.width * header.height
    return pixels, Path(path).stat().st_size, 0.0
