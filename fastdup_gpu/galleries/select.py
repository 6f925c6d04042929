"""Selects what a gallery shows: pure functions over tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fastdup_gpu._errors import InvalidArgument
from fastdup_gpu.analysis.facts import REASONS, Facts
from fastdup_gpu.analysis.label_sources import call
from fastdup_gpu.analysis.ranking import codes, in_order
from fastdup_gpu.analysis.slices import Everywhere, wanted_labels
from fastdup_gpu.formats.names import STATS_COLUMNS_ADVANCED
from fastdup_gpu.galleries.options import Slice

LabelsOf = Mapping[str, Sequence[str]]


def choose_keeper(members: Sequence[Facts]) -> tuple[int, str]:
    """Which of several images to keep, and in what it differs from the second best."""
    order = sorted(range(len(members)), key=lambda i: members[i].rank())
    best, second = (members[i].rank() for i in (order[0], order[min(1, len(order) - 1)]))
    differs = (why for why, a, b in zip(REASONS, best, second, strict=True) if a != b)
    return order[0], next(differs, REASONS[-1])


def unordered_pairs(edges: pd.DataFrame) -> pd.DataFrame:
    """Each pair of different names once, with its largest similarity, most similar first; ties by
    name."""
    numbers = codes(edges["from"], edges["to"], sort=True)
    start, end = numbers[: len(edges)], numbers[len(edges) :]
    low, high = np.minimum(start, end), np.maximum(start, end)
    order = np.lexsort((high, low, -edges["distance"].to_numpy()))
    order = order[low[order] != high[order]]
    keys = pd.DataFrame({"low": low[order], "high": high[order]})
    first = ~keys.duplicated().to_numpy(dtype=bool)
    table: pd.DataFrame = edges.iloc[order[first]]
    return table.reset_index(drop=True)


def slice_mask(
    slice: Slice,
    labels: Sequence[Sequence[str]],
    others: Sequence[Sequence[str]] | None = None,
    everywhere: Everywhere = tuple,
) -> NDArray[np.bool_]:
    """Which entries a slice keeps.

    With `others`, the labels of the second image of each pair: 'same' keeps pairs that share a
    label, 'diff' pairs of labelled images that share none, a label (or a list) pairs in which
    exactly one image has it. Without `others`, a label keeps the images that have it.
    `everywhere` returns the labels of all images, if these are only a part of them. Raises
    InvalidArgument for a label that no image has.
    """
    if others is not None and slice in ("same", "diff"):
        want = slice == "same"
        ends = zip(labels, others, strict=True)
        kept = [bool(a and b) and (not set(a).isdisjoint(b)) == want for a, b in ends]
        return np.array(kept, dtype=bool)
    wanted = wanted_labels(slice, [*labels, *(others or ())], everywhere)
    if others is None:
        return np.array([not wanted.isdisjoint(own) for own in labels], dtype=bool)
    ends = zip(labels, others, strict=True)
    return np.array([bool(wanted & (set(a) ^ set(b))) for a, b in ends], dtype=bool)


def neighbor_rows(edges: pd.DataFrame, most: int | None) -> pd.DataFrame:
    """One row for each image of `from`, in order of appearance: `from`, lists `to` and `distance`,
    the most similar first, at most `most` of them."""
    ordered = edges[edges["from"] != edges["to"]].sort_values(
        "distance", ascending=False, kind="stable"
    )
    groups: dict[str, tuple[list[str], list[float]]] = {name: ([], []) for name in edges["from"]}
    for start, end, similarity in zip(
        ordered["from"], ordered["to"], ordered["distance"].tolist(), strict=True
    ):
        ends, values = groups[start]
        if most is None or len(ends) < most:
            ends.append(end)
            values.append(similarity)
    return pd.DataFrame(
        {
            "from": pd.Series(list(groups), dtype=object),
            "to": pd.Series([g[0] for g in groups.values()], dtype=object),
            "distance": pd.Series([g[1] for g in groups.values()], dtype=object),
        }
    )


def label_score(own: Sequence[str], others: Sequence[Sequence[str]]) -> float | None:
    """The percentage of labelled neighbours that share a label; None if no label is known."""
    labelled = [labels for labels in others if labels]
    if not own or not labelled:
        return None
    return 100.0 * sum(not set(own).isdisjoint(labels) for labels in labelled) / len(labelled)


def curve(pairs: pd.DataFrame, marks: Sequence[float] = (), steps: int = 100) -> list[list[float]]:
    """What each threshold leaves, for a slider: rows `threshold, pairs, images, groups, spare`.

    Counted over all of `pairs` (each unordered pair once, most similar first) at evenly spaced
    thresholds from the smallest similarity to 1, and at the `marks` in between. `groups` are
    connected by pairs of at least this similarity; `spare` is the number of images that could be
    removed if each group kept one.
    """
    if pairs.empty:
        return []
    numbers = codes(pairs["from"], pairs["to"])
    starts, ends = numbers[: len(pairs)].tolist(), numbers[len(pairs) :].tolist()
    values = pairs["distance"].to_numpy()
    low = float(np.floor(values[-1] * 1000) / 1000)
    even = np.linspace(low, max(1.0, float(values[0])), steps + 1)
    between = [mark for mark in marks if low < mark < even[-1]]
    thresholds = np.unique(np.round([*even, *between], 4))[::-1]
    forest = _Forest(int(numbers.max()) + 1)
    rows, done = [], 0
    for threshold in thresholds.tolist():
        until = int(np.searchsorted(-values, -threshold, side="right"))
        forest.connect(starts[done:until], ends[done:until])
        done = max(done, until)
        images, spare = forest.met, forest.joined
        rows.append([threshold, done, images, images - spare, spare])
    return rows[::-1]


class _Forest:
    """Nodes 0 .. n - 1, of which `met` have appeared so far, and `joined`, the number of pairs that
    connected two groups (disjoint sets with path halving)."""

    def __init__(self, n: int) -> None:
        self._parent = list(range(n))
        self._seen = bytearray(n)
        self.met = self.joined = 0

    def connect(self, starts: Sequence[int], ends: Sequence[int]) -> None:
        parent, seen = self._parent, self._seen
        for a, b in zip(starts, ends, strict=True):
            self.met += 2 - seen[a] - seen[b]
            seen[a] = seen[b] = 1
            while a != parent[a]:
                parent[a] = a = parent[parent[a]]
            while b != parent[b]:
                parent[b] = b = parent[parent[b]]
            if a != b:
                parent[a] = b
                self.joined += 1


def histogram(values: NDArray[Any], bins: int = 60) -> dict[str, Any]:
    """Counts of finite values in equal bins from the smallest to the largest."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return {"low": 0.0, "high": 1.0, "counts": []}
    counts, edges = np.histogram(finite, bins=bins)
    return {"low": float(edges[0]), "high": float(edges[-1]), "counts": counts.tolist()}


def ranked(stats: pd.DataFrame, metric: str, *, descending: bool) -> pd.DataFrame:
    """Rows with a value of `metric`, ordered by it, ties by name; raises InvalidArgument if it is
    not a numeric column."""
    columns = [str(c) for c in stats if c != "index"]
    numeric = [c for c in columns if pd.api.types.is_numeric_dtype(stats[c])]
    if metric not in numeric:
        left_out = metric in STATS_COLUMNS_ADVANCED and metric not in stats
        hint = "; run with turi_param='run_advanced_stats=1' to compute it" if left_out else ""
        raise InvalidArgument(
            f"metric={metric!r} is not a numeric column of the statistics{hint}; expected one of: "
            f"{', '.join(numeric)}"
        )
    return in_order(stats[stats[metric].notna()], metric, "filename", descending=descending)


def call_text(function: Callable[[str], object], name: str, argument: str) -> str:
    """A user's function applied to a name, as text; raises InvalidArgument naming the file."""
    value = call(function, name, argument)
    return "" if value is None else str(value)
