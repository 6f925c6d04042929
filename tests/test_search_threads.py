"""num_threads bounds matrix products, which take all cores of themselves: search and k-means."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

from fastdup_gpu.fallback_cpu import blas, kmeans, products
from fastdup_gpu.fallback_cpu.backend import CpuBackend
from fastdup_gpu.protocol import SearchPlan


def blas_threads() -> set[int]:
    return {b["num_threads"] for b in ThreadpoolController().select(user_api="blas").info()}


@pytest.fixture(autouse=True)
def all_libraries():
    """Limit what other tests have loaded by now as well, as `blas_threads` counts it."""
    blas._blas.cache_clear()


@pytest.fixture
def seen(monkeypatch):
    """The limits of BLAS at each product of a search, and of the centroids of an IVF index."""
    found: list[set[int]] = []

    def watched(function):
        def call(*args):
            found.append(blas_threads())
            return function(*args)

        return call

    for space in (products.Cosine, products.Euclidean):
        monkeypatch.setattr(space, "affinity", watched(space.affinity))
    monkeypatch.setattr(kmeans, "closeness", watched(kmeans.closeness))
    return found


@pytest.mark.parametrize("mode", ["flat", "ivf"])
@pytest.mark.parametrize("threads", [1, 2])
def test_products_take_no_more_threads_than_asked_for(seen, mode, threads):
    rows = np.random.default_rng(0).standard_normal((600, 16)).astype(np.float32)
    with threadpool_limits(limits=3, user_api="blas"):
        if blas_threads() != {3}:
            pytest.skip("no BLAS whose threads can be set")
        index = CpuBackend().build_index(rows, SearchPlan("cosine", mode, threads=threads))
        index.search(rows, 2, exclude_self=True)
        assert seen and max(max(limits) for limits in seen) == threads
        assert blas_threads() == {3}, "put back afterwards"


def test_a_limit_from_outside_is_not_raised(seen):
    rows = np.random.default_rng(0).standard_normal((600, 16)).astype(np.float32)
    with threadpool_limits(limits=1, user_api="blas"):
        CpuBackend().build_index(rows, SearchPlan(threads=8)).search(rows, 2)
        assert {max(limits) for limits in seen} == {1}


@pytest.mark.parametrize("threads", [1, 2])
def test_kmeans_takes_no_more_threads_than_asked_for(seen, threads):
    rows = np.random.default_rng(0).standard_normal((600, 16)).astype(np.float32)
    with threadpool_limits(limits=3, user_api="blas"):
        if blas_threads() != {3}:
            pytest.skip("no BLAS whose threads can be set")
        options = {"clusters": 5, "iterations": 3, "nearest": 1, "seed": 0}
        CpuBackend().kmeans(rows, **options, threads=threads)
        assert seen and {max(limits) for limits in seen} == {threads}
