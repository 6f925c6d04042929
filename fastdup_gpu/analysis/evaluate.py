"""How well a run finds known duplicates."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from fastdup_gpu._arguments import flag, path_text, real_number
from fastdup_gpu._errors import FormatError, InvalidArgument, shown
from fastdup_gpu.analysis.label_sources import as_list
from fastdup_gpu.analysis.matching import find_row, rows_by_end
from fastdup_gpu.analysis.pairs import similarities, tiles
from fastdup_gpu.formats.features import locate, open_features
from fastdup_gpu.formats.files import read_csv
from fastdup_gpu.protocol import F32, I64

THRESHOLDS = tuple(round(0.5 + 0.01 * step, 2) for step in range(51))
Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Truth:
    """The pairs of rows known to be duplicates, smaller row first, and how many known pairs
    have an image that is not in the run."""

    pairs: list[Pair]
    missing: int


@dataclass(frozen=True, slots=True)
class Curve:
    """For each of `limits`, ascending: how many of all pairs, and how many of the `known` true
    pairs, have at least that similarity."""

    limits: F32
    pairs: I64
    hits: I64
    known: int

    def row(self, at: int) -> dict[str, float]:
        """Precision, recall and F1 at one limit."""
        pairs, hits = int(self.pairs[at]), int(self.hits[at])
        return {
            "threshold": round(float(self.limits[at]), 6),
            "precision": hits / pairs if pairs else float("nan"),
            "recall": hits / self.known,
            "f1": 2 * hits / (pairs + self.known),
            "pairs": pairs,
        }


def evaluate(
    work_dir: str | os.PathLike[str],
    truth_csv: str | os.PathLike[str],
    thresholds: Sequence[float] = THRESHOLDS,
    *,
    transitive: bool = False,
) -> dict[str, Any]:
    """Precision and recall of similarity as a sign of duplicates, over all pairs of images.

    See fastdup_gpu.evaluate.
    """
    transitive = flag("transitive", transitive)
    listed = as_list(thresholds, "thresholds", "expected a list of similarities")
    wanted = np.unique(np.array([real_number("thresholds", t) for t in listed], np.float32))
    truth_file = Path(path_text("truth_csv", truth_csv))
    stored = open_features(locate(Path(path_text("work_dir", work_dir))))
    truth = read_truth(truth_file, stored.filenames, transitive=transitive)
    curve = _curve(stored.matrix, truth, wanted)
    return {
        "pictures": len(stored.matrix),
        "true_pairs": curve.known,
        "true_pairs_not_in_run": truth.missing,
        "average_precision": _average_precision(curve),
        "best": curve.row(_best(curve)),
        "thresholds": [curve.row(int(at)) for at in np.searchsorted(curve.limits, wanted)],
    }


def read_truth(path: Path, filenames: Sequence[str], *, transitive: bool = False) -> Truth:
    """Pairs from a csv with the columns `from,to`, or `file,group` (every two of a group).

    Names are matched with those of the run by the longest end of the path that they share. If
    there is a column `verdict`, only rows in which it starts with 'duplicate' count. `transitive`
    adds the pairs that others connect.
    """
    if not path.is_file():
        raise InvalidArgument(
            f"truth_csv={str(path)!r} is not a file; give a csv with the columns from,to or "
            "file,group"
        )
    header, rows = read_csv(path)
    row_of = lru_cache(None)(partial(find_row, filenames=filenames, ends=rows_by_end(filenames)))
    if {"from", "to"} <= set(header):
        named = _named_pairs(header, rows, path)
    elif {"file", "group"} <= set(header):
        named = _grouped_pairs(header, rows, path)
    else:
        columns = shown(header)
        raise FormatError(f"{path} has the columns {columns}; expected from,to or file,group")
    if transitive:
        named = _connected(named)
    pairs, missing = set(), set()
    for one, other in named:
        a, b = row_of(one), row_of(other)
        if a is None or b is None:
            missing.add(frozenset((one, other)))
        elif a != b:
            pairs.add((min(a, b), max(a, b)))
    if not pairs:
        raise InvalidArgument(
            f"{path} contains no pair of images of this run; images of its test_dir do not count"
        )
    return Truth(sorted(pairs), len(missing))


def _named_pairs(
    header: Sequence[str], rows: Iterable[Sequence[str]], path: Path
) -> Iterator[tuple[str, str]]:
    columns = [header.index(name) for name in ("from", "to")]
    verdict = header.index("verdict") if "verdict" in header else None
    for row in _whole(rows, header, path):
        if verdict is None or row[verdict].startswith("duplicate"):
            yield row[columns[0]], row[columns[1]]


def _grouped_pairs(
    header: Sequence[str], rows: Iterable[Sequence[str]], path: Path
) -> Iterator[tuple[str, str]]:
    groups: dict[str, list[str]] = defaultdict(list)
    file, group = header.index("file"), header.index("group")
    for row in _whole(rows, header, path):
        if row[group]:
            groups[row[group]].append(row[file])
    for members in groups.values():
        yield from combinations(members, 2)


def _whole(
    rows: Iterable[Sequence[str]], header: Sequence[str], path: Path
) -> Iterator[Sequence[str]]:
    for row in filter(None, rows):
        if len(row) != len(header):
            raise FormatError(
                f"{path} has a row of {len(row)} cells under {len(header)} column names"
            )
        yield row


def _connected(pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Every two names that are connected by pairs."""
    group_of: dict[str, list[str]] = {}
    for one, other in pairs:
        mine, theirs = group_of.setdefault(one, [one]), group_of.setdefault(other, [other])
        if mine is not theirs:
            mine += theirs
            group_of.update(dict.fromkeys(theirs, mine))
    for members in {id(group): group for group in group_of.values()}.values():
        yield from combinations(members, 2)


def _curve(features: F32, truth: Truth, wanted: F32) -> Curve:
    """Two passes over the pairs, so that a true pair is counted at exactly the similarity that
    it is compared with."""
    found = np.sort(similarities(features, np.array(truth.pairs, np.int64)))
    limits = np.unique(np.concatenate([found, wanted]))
    hits = len(found) - np.searchsorted(found, limits, side="left")
    known = len(truth.pairs) + truth.missing
    return Curve(limits, _count_from(features, limits), hits, known)


def _count_from(features: F32, limits: F32) -> I64:
    """i64[t]: how many pairs have at least the similarity of each of `limits`, ascending."""
    counts = np.zeros(len(limits), np.int64)
    for _, _, tile in tiles(features):
        above = np.sort(tile[tile >= limits[0]])
        bins = np.searchsorted(limits, above, side="right") - 1
        counts += np.bincount(bins, minlength=len(limits))
    return np.cumsum(counts[::-1])[::-1]


def _average_precision(curve: Curve) -> float:
    """The mean over true pairs of the precision at their similarity; 0 for pairs not in the
    run."""
    found = -np.diff(curve.hits, append=0)
    return float(np.sum(found * curve.hits / np.maximum(curve.pairs, 1)) / curve.known)


def _best(curve: Curve) -> int:
    """Where F1 is largest; on ties, the largest limit."""
    scores = 2 * curve.hits / (curve.pairs + curve.known)
    return len(scores) - 1 - int(np.argmax(scores[::-1]))
