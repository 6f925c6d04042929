"""IVF: rows in lists around k-means centroids; a query visits the lists nearest to it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from fastdup_gpu._errors import FormatError
from fastdup_gpu.fallback_cpu.approximate import Approximate
from fastdup_gpu.fallback_cpu.blas import at_most
from fastdup_gpu.fallback_cpu.kmeans import closeness, lloyd, nearest_centroid
from fastdup_gpu.fallback_cpu.rows import Floats
from fastdup_gpu.fallback_cpu.topk import TopK
from fastdup_gpu.fallback_cpu.workers import blocks, count
from fastdup_gpu.formats.files import replacing
from fastdup_gpu.indexing.approximate import Table, doubling, points
from fastdup_gpu.indexing.rows import centre
from fastdup_gpu.protocol import F32, I64, SearchPlan

SUFFIX = ".npz"
_LISTS = 2  # times sqrt(n) lists
_MOST_LISTS = 65_000  # list numbers are sorted as 16 bits
_TRAIN = 50  # rows per list from which the centroids are learned
# The smallest and largest number of lists visited. 64 of 2 sqrt(n) lists are 1 % of the rows at
# n = 10 million, 3 % at 1 million, 10 % at 100,000; with unstructured data that misses the goal.
_FEWEST_VISITS, _MOST_VISITS = 4, 64
_PART = 4096  # queries that one thread takes at a time
_BLOCK = 4096


class IvfIndex(Approximate):
    """`centroids` f32[c, d]; `labels` i64[n], the list of each row."""

    kind = "ivf"

    def __init__(
        self,
        features: F32,
        plan: SearchPlan,
        centroids: F32,
        labels: I64,
        table: Table | None = None,
    ) -> None:
        super().__init__(features, plan, table)
        self._centroids = centroids
        self._middle = centre(centroids)
        self._labels = labels
        self._order = np.argsort(labels, kind="stable")
        sizes = np.bincount(labels, minlength=len(centroids))
        self._starts = np.concatenate([[0], np.cumsum(sizes)])

    def ladder(self) -> Iterator[int]:
        """Numbers of lists to visit."""
        return doubling(_FEWEST_VISITS, min(_MOST_VISITS, len(self._centroids)))

    def candidates(self, queries: F32, keep: int, own: I64 | None, effort: int) -> I64:
        """The best of the `effort` lists nearest to each query."""
        top = TopK(len(queries), keep, self._space.steps(queries))
        known = own is not None
        first = self._labels[own] if known else _lists_of(queries, self._centroids, self.plan)
        # Queries of the same list together: a part then visits few lists, each with many queries.
        order = np.argsort(first, kind="stable")

        def work(part: slice) -> None:
            places = order[part]
            rows = np.asarray(queries[places])
            left = self._space.left(rows)
            for row, lists in self._visits(rows, first[places], effort):
                for number, members in _grouped(row, lists):
                    self._visit(top, left[members], places[members], number, own)

        with at_most(1):
            self._workers.each(len(queries), _PART, work)
        return top.keys

    def write(self, path: Path) -> dict[str, Any]:
        """Centroids and labels as .npz."""
        with replacing(path.with_name(path.name + SUFFIX), "wb") as out:
            np.savez(out, centroids=self._centroids, labels=self._labels.astype(np.int32))
        return {}

    def _visits(self, rows: F32, first: I64, effort: int) -> Iterator[tuple[I64, I64]]:
        """(row, list) pairs: every row with its `first` list, then with the others it visits.

        After the first lists, most rows of the others are quickly recognised as too far.
        """
        yield np.arange(len(rows)), first
        middle = self._middle
        near = closeness(points(rows, self.plan) - middle, self._centroids - middle)
        limit = near.shape[1] - effort
        floor = np.partition(near, limit, axis=1)[:, limit]
        near[np.arange(len(near)), first] = -np.inf
        yield np.divmod(np.flatnonzero(near >= floor[:, None]), near.shape[1])

    def _visit(self, top: TopK, left: Floats, places: I64, number: int, own: I64 | None) -> None:
        """Offer the rows of list `number` to the queries at `places`, prepared in `left`."""
        listed = self._order[self._starts[number] : self._starts[number + 1]]
        for inner in blocks(len(listed), _BLOCK):
            ids = listed[inner]
            right = self._space.right(self.features[ids])
            tile = self._space.affinity(left, right, self._workers)
            if own is not None:
                _blank(tile, own[places], ids)
            top.offer(tile, places, ids)


def build(features: F32, plan: SearchPlan) -> IvfIndex:
    """Learn centroids from a sample and put every row into the nearest one's list."""
    n = len(features)
    rng = np.random.default_rng(plan.seed)
    lists = min(plan.clusters or round(_LISTS * n**0.5), n, _MOST_LISTS)
    sample = rng.choice(n, min(n, _TRAIN * lists), replace=False)
    train = points(features[np.sort(sample)], plan)
    start = train[np.sort(rng.choice(len(train), lists, replace=False))]
    with at_most(count(plan.threads)):
        centroids = lloyd(train, start, plan.iterations)
        return IvfIndex(features, plan, centroids, _lists_of(features, centroids, plan))


def load(path: Path, features: F32, plan: SearchPlan, table: Table) -> IvfIndex:
    """The index that `IvfIndex.write` wrote; raises FormatError if it does not fit."""
    file = path.with_name(path.name + SUFFIX)
    try:
        with np.load(file, allow_pickle=False) as stored:
            centroids = stored["centroids"]
            labels = stored["labels"].astype(np.int64, casting="safe")
    except Exception as error:  # for hostile bytes numpy raises errors of many kinds
        raise FormatError(
            f"{file} is not a stored ivf index ({error}); run again to rebuild it."
        ) from error
    fits = centroids.ndim == 2 and centroids.shape[1] == features.shape[1]
    fits = fits and centroids.dtype == np.float32 and bool(np.isfinite(centroids).all())
    fits = fits and max(table) <= len(centroids)
    if not fits or labels.shape != features.shape[:1] or not _within(labels, len(centroids)):
        raise FormatError(
            f"{file} contains {centroids.shape} centroids and {labels.shape} labels, which do not "
            f"fit features of shape {features.shape}; run again to rebuild it."
        )
    return IvfIndex(features, plan, centroids, labels, table)


def _lists_of(rows: F32, centroids: F32, plan: SearchPlan) -> I64:
    """The nearest list of each row."""
    labels, middle = np.empty(len(rows), dtype=np.int64), centre(centroids)
    for part in blocks(len(rows), _BLOCK):
        labels[part] = nearest_centroid(points(rows[part], plan), centroids, middle)[0]
    return labels


def _within(labels: I64, lists: int) -> bool:
    return not len(labels) or bool(labels.min() >= 0 and labels.max() < lists)


def _grouped(rows: I64, lists: I64) -> Iterator[tuple[int, I64]]:
    """Each list with the rows that visit it, both ascending."""
    order = np.argsort(lists.astype(np.uint16), kind="stable")
    rows, lists = rows[order], lists[order]
    cuts = np.flatnonzero(np.diff(lists, prepend=-1, append=-1))
    for start, stop in pairwise(cuts):
        yield int(lists[start]), rows[start:stop]


def _blank(tile: F32, own: I64, ids: I64) -> None:
    """Exclude each row's own id from its row; `ids` are ascending."""
    column = np.minimum(np.searchsorted(ids, own), len(ids) - 1)
    here = np.flatnonzero(ids[column] == own)
    tile[here, column[here]] = -np.inf
