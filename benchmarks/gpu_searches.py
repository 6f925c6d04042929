"""The stages of the GPU acceptance run that search and follow links, on vectors made for it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.data import clustered_vectors, unit_vectors
from benchmarks.gpu_stages import DIM, Setting, opened
from benchmarks.gpu_timing import Found, Timed, filled, row, timed, transferred, tried
from fastdup_gpu.protocol import Backend, SearchPlan

K = 2


def neighbors(setting: Setting) -> Iterator[Found]:
    """Exact search of every row against all, and the approximate indices."""
    backend = opened(setting)
    moved: Found = {}
    for n in (100_000, 1_000_000) if not setting.small else (3_000,):
        spent = timed(partial(_exactly, backend, unit_vectors(n, DIM)))
        work = 2.0 * n * n * DIM / 1e12
        moved = transferred(setting.compute, [filled(n, DIM)], [filled(n, 2 * K, kind=np.int64)])
        yield row(f"exact neighbours of {n} x {DIM}", n, spent, "TFLOP/s", "", work, moved)
    modes = ("cagra", "nndescent", "ivf", "ivfpq") if setting.compute == "gpu" else ("ivf",)
    features = clustered_vectors(setting.size(1_000_000, 3_000), DIM)
    for mode in modes:
        yield tried(_name(mode, features), partial(_approximate, backend, features, mode, moved))


def graphs(setting: Setting) -> Iterator[Found]:
    """Components, pagerank and k-means."""
    backend = opened(setting)
    n = setting.size(1_000_000, 2_000)
    rng = np.random.default_rng(0)
    sources, targets = rng.integers(0, n, (2, 3 * n))
    spent = timed(lambda: backend.components(n, sources, targets))
    labels = filled(n, kind=np.int64)
    moved = transferred(setting.compute, [sources, targets], [labels])
    yield row(f"components of {n} vertices", 3 * n, spent, "edges/s", transfer=moved)
    weights = rng.random(3 * n)
    spent = timed(lambda: backend.pagerank(n, sources, targets, weights))
    moved = transferred(setting.compute, [sources, targets, weights], [labels])
    yield row(f"pagerank of {n} vertices", 3 * n, spent, "edges/s", transfer=moved)
    features = clustered_vectors(setting.size(200_000, 2_000), DIM)
    clusters = setting.size(1_000, 20)
    spent = timed(
        lambda: backend.kmeans(features, clusters=clusters, iterations=20, nearest=1, seed=0)
    )
    moved = transferred(setting.compute, [features], [labels[: len(features)]])
    yield row(f"k-means to {clusters} clusters", len(features), spent, "rows/s", transfer=moved)


def huge(setting: Setting) -> Iterator[Found]:
    """NN-descent over rows that stay in the host's memory, as those that do not fit on a GPU do:
    first two million, in case that ten take longer than there is time."""
    backend = opened(setting)
    if setting.compute != "gpu":
        yield _approximate(backend, clustered_vectors(3_000, DIM), "ivf", {})
        return
    from fastdup_gpu.gpu import approximate

    with patch.object(approximate, "_POINTS_SHARE", 0.0):
        for n in (2_000_000, 10_000_000) if not setting.small else (3_000,):
            yield _approximate(backend, clustered_vectors(n, DIM), "nndescent", {})


def _exactly(backend: Backend, features: Any) -> None:
    index = backend.build_index(features, SearchPlan(mode="flat"))
    index.search(features, K, exclude_self=True)


def _approximate(backend: Backend, features: Any, mode: str, moved: Found) -> Found:
    """Built and searched once. That includes the choice of an effort, for which an exact search
    of a sample is made: a first search of one row takes what that needs."""
    plan = SearchPlan(mode=mode)  # type: ignore[arg-type]
    begin = time.perf_counter()
    index = backend.build_index(features, plan)
    built = time.perf_counter()
    index.search(features[:1], K, exclude_self=True)
    chosen = time.perf_counter()
    answer = index.search(features, K, exclude_self=True)
    end = time.perf_counter()
    note = (
        f"recall {answer.recall:.4f}; of the time {built - begin:.2f} s to build, "
        f"{chosen - built:.2f} to choose an effort by an exact search of a sample"
    )
    spent = Timed([end - begin])
    return row(_name(mode, features), len(features), spent, "rows/s", note, transfer=moved)


def _name(mode: str, features: Any) -> str:
    return f"{mode} neighbours of {len(features)} x {DIM}"
