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
from benchmarks.gpu_timing import Found, Timed, filled, row, timed, transferred
from fastdup_gpu.protocol import Backend, SearchPlan

K = 2


def neighbors(setting: Setting) -> Iterator[Found]:
    """Exact search of every row against all, and the approximate indices."""
    backend = opened(setting)
    for n in (100_000, 1_000_000) if not setting.small else (3_000,):
        spent = timed(partial(_exactly, backend, unit_vectors(n, DIM)))
        work = 2.0 * n * n * DIM / 1e12
        moved = transferred(setting.compute, [filled(n, DIM)], [filled(n, 2 * K, kind=np.int64)])
        yield row(f"exact neighbours of {n} x {DIM}", n, spent, "TFLOP/s", "", work, moved)
    modes = ("cagra", "ivf", "ivfpq", "nndescent") if setting.compute == "gpu" else ("ivf",)
    features = clustered_vectors(setting.size(1_000_000, 3_000), DIM)
    for mode in modes:
        yield _approximate(backend, features, mode)


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
    """NN-descent over rows that stay in the host's memory, as those that do not fit on a GPU do."""
    backend = opened(setting)
    features = clustered_vectors(setting.size(10_000_000, 3_000), DIM)
    if setting.compute != "gpu":
        yield _approximate(backend, features, "ivf")
        return
    from fastdup_gpu.gpu import approximate

    with patch.object(approximate, "_POINTS_SHARE", 0.0):
        yield _approximate(backend, features, "nndescent")


def _exactly(backend: Backend, features: Any) -> None:
    index = backend.build_index(features, SearchPlan(mode="flat"))
    index.search(features, K, exclude_self=True)


def _approximate(backend: Backend, features: Any, mode: str) -> Found:
    plan = SearchPlan(mode=mode)  # type: ignore[arg-type]
    begin = time.perf_counter()
    index = backend.build_index(features, plan)
    built = time.perf_counter() - begin
    answer = index.search(features, K, exclude_self=True)
    spent = time.perf_counter() - begin
    n, note = len(features), f"recall {answer.recall:.4f}, {built:.2f} s of it to build"
    moved = transferred(backend.name, [features], [filled(n, 2 * K, kind=np.int64)])
    name = f"{mode} neighbours of {n} x {DIM}"
    return row(name, n, Timed([spent]), "rows/s", note, transfer=moved)
