"""Labels of images, predicted from the labels of their neighbours."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable
from typing import TypeVar

from fastdup_gpu._arguments import has_entries, real_number, whole_number
from fastdup_gpu._errors import InvalidArgument
from fastdup_gpu.analysis.label_texts import is_missing

Label = TypeVar("Label", bound=Hashable)
Entry = TypeVar("Entry")


def top_k_label(
    labels_col: Iterable[Label],
    distance_col: Iterable[float],
    k: int = 10,
    threshold: float | None = None,
    min_count: int | None = None,
    unknown_class: Label | None = None,
) -> Label | None:
    """The label most frequent among the `k` most similar neighbours.

    `distance_col` holds similarities (larger is nearer), one for each of `labels_col`; equal
    similarities count in the order given. Only neighbours with a similarity above `threshold` and
    a label (not None, nan or pandas' NA) vote, and a label needs `min_count` votes. If labels tie
    for first place, the result is `unknown_class` if given, otherwise the label with the larger sum
    of similarities, then the first by text. If no label has enough votes, it is `unknown_class`.
    Raises InvalidArgument for columns of different length, nan, labels that are lists, k < 1 or
    min_count < 1.
    """
    most_asked = whole_number("k", k, 1)
    if threshold is not None:
        real_number("threshold", threshold, "a similarity, or None")
    needed = 1 if min_count is None else whole_number("min_count", min_count, 1)
    similarities = _votes(_pairs(labels_col, distance_col), most_asked, threshold)
    most = max(map(len, similarities.values()), default=0)
    if most < needed:
        return unknown_class
    first = [label for label, values in similarities.items() if len(values) == most]
    if len(first) > 1 and unknown_class is not None:
        return unknown_class
    return min(first, key=lambda label: (-math.fsum(similarities[label]), str(label)))


def _pairs(labels: Iterable[Label], distances: Iterable[float]) -> list[tuple[Label, float]]:
    labels = _listed("labels_col", labels)
    values = [
        real_number(
            "similarity in distance_col", value, "a number; leave out neighbours without one"
        )
        for value in _listed("distance_col", distances)
    ]
    if len(labels) != len(values):
        raise InvalidArgument(
            f"labels_col has {len(labels)} and distance_col {len(values)} entries; "
            "give one similarity for each label"
        )
    odd = next((label for label in labels if not isinstance(label, Hashable)), None)
    if odd is not None:
        raise InvalidArgument(
            f"labels_col contains {odd!r}, a {type(odd).__name__}; give a text or a number for "
            "each neighbour, and list a neighbour with several labels once for each of them"
        )
    return list(zip(labels, values, strict=True))


def _listed(argument: str, entries: Iterable[Entry]) -> list[Entry]:
    if not has_entries(entries):
        raise InvalidArgument(f"{argument} is a {type(entries).__name__}; expected a list")
    return list(entries)


def _votes(
    pairs: list[tuple[Label, float]], k: int, threshold: float | None
) -> dict[Label, list[float]]:
    nearest = sorted(pairs, key=lambda pair: -pair[1])[:k]
    nearest = [(label, value) for label, value in nearest if not is_missing(label)]
    votes: dict[Label, list[float]] = defaultdict(list)
    for label, similarity in nearest:
        if threshold is None or similarity > threshold:
            votes[label].append(similarity)
    return votes
