"""Labels of the images of components, and the components that slice and keyword select."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from fastdup_gpu.analysis.annotations import Labels, read_labels
from fastdup_gpu.analysis.component import Component
from fastdup_gpu.analysis.label_order import names_of_run
from fastdup_gpu.analysis.slices import Everywhere, labels_with, wanted_labels

ALIKE = ("same", "diff")


@dataclass(frozen=True, slots=True)
class GivenLabels:
    """The labels `given` for the run in `folder`; `words`: each word of a label is a label."""

    given: Labels
    folder: Path | None
    words: bool

    def add_to(self, found: list[Component]) -> None:
        """Add the labels of their images to components, if any labels were given."""
        if self.given is None:
            return
        following = iter(self._of([name for component in found for name in component.files]))
        for component in found:
            component.labels = list(islice(following, len(component.files)))

    def everywhere(self) -> list[list[str]]:
        """The labels of all images of the run, if it is known."""
        return self._of(names_of_run(self.folder))

    def _of(self, names: Sequence[str]) -> list[list[str]]:
        labels = read_labels(self.given, names, self.folder) or []
        if not self.words:
            return labels
        return [[word for label in own for word in label.split()] for own in labels]


def wanted_of(
    found: list[Component],
    slice: str | Collection[str] | None,
    keyword: str | None,
    everywhere: Everywhere,
) -> set[str] | None:
    """The labels that slice and keyword ask for, None for all; raises InvalidArgument if no
    image of the run has such a label."""
    present = [own for component in found for own in component.labels]
    picked = None if slice is None else wanted_labels(slice, present, everywhere)
    if keyword is None:
        return picked
    matching = labels_with(keyword, present, everywhere)
    return matching if picked is None else matching & picked


def sliced(found: list[Component], alike: str | None, wanted: set[str] | None) -> list[Component]:
    """Components of one label ('same') or of several ('diff'), and with a wanted label."""
    if alike is not None:
        found = [c for c in found if (c.kinds == 1 if alike == "same" else c.kinds > 1)]
    if wanted is None:
        return found
    return [c for c in found if not all(map(wanted.isdisjoint, c.labels))]
