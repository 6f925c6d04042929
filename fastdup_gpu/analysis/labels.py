"""Labels of pictures, told from the labels of their neighbours."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable
from typing import TypeVar

from fastdup_gpu._errors import InvalidArgument

Label = TypeVar("Label", bound=Hashable)


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
    ones count in the order given. Only similarities above `threshold` vote, and a label needs
    `min_count` votes. Where two labels share the first place the answer is `unknown_class` if
    that is given, and otherwise the label with the larger sum of similarities, then the first
    one in the order of their text. Without any vote that counts the answer is `unknown_class`.
    Raises InvalidArgument for columns of different length, nan, k < 1 or min_count < 1.
    """
    similarities = _votes(_pairs(labels_col, distance_col), _at_least_1("k", k), threshold)
    needed = 1 if min_count is None else _at_least_1("min_count", min_count)
    most = max(map(len, similarities.values()), default=0)
    if most < needed:
        return unknown_class
    first = [label for label, values in similarities.items() if len(values) == most]
    if len(first) > 1 and unknown_class is not None:
        return unknown_class
    return min(first, key=lambda label: (-math.fsum(similarities[label]), str(label)))


def _pairs(labels: Iterable[Label], distances: Iterable[float]) -> list[tuple[Label, float]]:
    labels, values = list(labels), [float(d) for d in distances]
    if len(labels) != len(values):
        raise InvalidArgument(
            f"labels_col has {len(labels)} and distance_col {len(values)} entries; "
            "give one similarity for each label"
        )
    if any(map(math.isnan, values)):
        raise InvalidArgument("distance_col holds nan; leave those neighbours out")
    return list(zip(labels, values, strict=True))


def _votes(
    pairs: list[tuple[Label, float]], k: int, threshold: float | None
) -> dict[Label, list[float]]:
    nearest = sorted(pairs, key=lambda pair: -pair[1])[:k]
    votes: dict[Label, list[float]] = defaultdict(list)
    for label, similarity in nearest:
        if threshold is None or similarity > threshold:
            votes[label].append(similarity)
    return votes


def _at_least_1(argument: str, value: int) -> int:
    if value < 1:
        raise InvalidArgument(f"{argument}={value!r}: expected a whole number of 1 or more")
    return value
