"""What exact search promises beyond the conformance suite: chunks, proof, and few retries."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from conformance.test_neighbors import agrees, brute, rows

from fastdup_gpu.gpu import base, exact, memory
from fastdup_gpu.protocol import SearchPlan


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "l1", "jensenshannon"])
def test_a_base_larger_than_the_device_is_searched_in_chunks(
    backend, standins, monkeypatch, metric
):
    standins.free = 160 * 90  # bytes: some 54 rows of 12 values, twice and a bit, are 60 % of it
    features = rows(200, 12)
    features[33, 2] = np.nan
    index = exact.FlatIndex(features, SearchPlan(metric))
    parts, made = [], []
    load = base.Base._load

    def watched(self, start, stop):
        gc.collect()
        assert not any(rows() is not None for rows in made), "the chunk before is still there"
        chunk = load(self, start, stop)
        made.append(weakref.ref(chunk.rows))
        parts.append(len(chunk.ids))
        return chunk

    monkeypatch.setattr(base.Base, "_load", watched)
    found = index.search(features, 4, exclude_self=True)
    assert len(parts) > 3 and sum(parts) == (200 if metric == "cosine" else 199)
    good = np.delete(np.arange(200), 33)
    ids, scores = brute(features[good], features[good], 4, metric, exclude_self=True)
    np.testing.assert_array_equal(found.ids[good], good[ids])
    np.testing.assert_allclose(found.scores[good], scores, rtol=1e-6, atol=1e-6)


def test_rows_that_the_fast_search_cannot_tell_apart_are_compared_in_full(backend, monkeypatch):
    """fp16 cannot tell these from one another: they differ in the seventh digit."""
    rng = np.random.default_rng(0)
    features = np.ones((600, 16), np.float32)
    features += rng.uniform(-2e-5, 2e-5, features.shape).astype(np.float32)
    seen = []
    full = exact.FlatIndex._compare_all
    monkeypatch.setattr(
        exact.FlatIndex, "_compare_all", lambda *a: seen.append(len(a[2])) or full(*a)
    )
    found = exact.FlatIndex(features, SearchPlan("euclidean")).search(features, 3)
    assert sum(seen) == 600
    _, scores = brute(features, features, 3, "euclidean")
    np.testing.assert_allclose(found.scores, scores, rtol=1e-5, atol=2e-6)


def test_ordinary_rows_are_proved_by_the_fast_search_alone(backend, monkeypatch):
    features = np.random.default_rng(1).standard_normal((2000, 64)).astype(np.float32)

    def never(*_):
        raise AssertionError("compared in full")

    monkeypatch.setattr(exact.FlatIndex, "_compare_all", never)
    for metric in ("cosine", "euclidean", "l1"):
        found = exact.FlatIndex(features, SearchPlan(metric)).search(features[:50], 5)
        agrees(found, *brute(features[:50], features, 5, metric))


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_a_fast_search_that_errs_more_than_it_says_is_found_out(backend, monkeypatch, metric):
    """Were the library's products coarser than fp16's, the answer would still be right."""
    from fastdup_gpu.gpu.tiles import TiledProducts

    honest = TiledProducts.search
    rng = np.random.default_rng(2)

    def blurred(self, queries, keep):
        values, places = honest(self, queries, keep)
        return values + rng.normal(0, 0.2, values.shape).astype(np.float32), places

    monkeypatch.setattr(TiledProducts, "search", blurred)
    features = rng.standard_normal((400, 8)).astype(np.float32)
    found = exact.FlatIndex(features, SearchPlan(metric)).search(features, 4, exclude_self=True)
    agrees(found, *brute(features, features, 4, metric, exclude_self=True))


def test_a_search_that_runs_out_of_memory_goes_on_with_fewer_queries(backend, monkeypatch):
    features = rows(300, 6)
    sizes = []
    honest = base.scored

    def limited(space, queries, *rest):
        sizes.append(len(queries))
        if len(queries) > 40:
            raise MemoryError("std::bad_alloc: out_of_memory")
        return honest(space, queries, *rest)

    monkeypatch.setattr(exact, "scored", limited)
    found = exact.FlatIndex(features, SearchPlan("l1")).search(features, 2, exclude_self=True)
    agrees(found, *brute(features, features, 2, "l1", exclude_self=True))
    assert max(sizes) == 300 and min(sizes) <= 40


def test_a_part_of_the_base_that_does_not_fit_is_halved_and_counted_once(backend, monkeypatch):
    features = rows(300, 6)
    features[250, 1] = np.nan
    parts = []
    load = base.Base._load

    def limited(self, start, stop):
        if stop - start > 100:
            raise MemoryError("std::bad_alloc: out_of_memory")
        parts.append((start, stop))
        return load(self, start, stop)

    monkeypatch.setattr(base.Base, "_load", limited)
    index = exact.FlatIndex(features, SearchPlan("l1"))
    found = index.search(features[:40], 260, exclude_self=True)
    assert parts == [(0, 75), (75, 150), (150, 225), (225, 300)]
    assert all(len(set(ids.tolist())) == 260 for ids in found.ids)
    assert index._base.unusable().tolist() == [250]


def test_what_was_left_out_is_counted_once_though_the_base_is_cut_anew(
    backend, standins, monkeypatch
):
    features = rows(60, 6)
    features[[37, 48], 1] = np.nan
    load, held = base.Base._load, []

    def once(self, start, stop):
        held.append(self._whole is not None)
        chunk = load(self, start, stop)
        if len(held) == 1:
            raise MemoryError("std::bad_alloc: out_of_memory")
        return chunk

    monkeypatch.setattr(base.Base, "_load", once)
    index = exact.FlatIndex(features, SearchPlan("euclidean"))
    found = index.search(features[:5], 60)
    assert [sorted(ids.tolist()) for ids in found.ids] == [list(range(60))] * 5
    assert [ids[-2:].tolist() for ids in found.ids] == [[37, 48]] * 5
    assert len(held) == 3


def test_a_base_that_is_cut_makes_room_first(backend, monkeypatch):
    """Where a search runs out of memory beside all of the base, parts are loaded without it."""
    features = rows(64, 6)
    index = exact.FlatIndex(features, SearchPlan("l1"))
    load, held = base.Base._load, []

    def watched(self, start, stop):
        held.append(self._whole is not None)
        return load(self, start, stop)

    honest = exact.scored

    def limited(space, queries, rows, places):
        if len(rows) > 32:
            raise MemoryError("std::bad_alloc: out_of_memory")
        return honest(space, queries, rows, places)

    monkeypatch.setattr(base.Base, "_load", watched)
    monkeypatch.setattr(exact, "scored", limited)
    found = index.search(features, 2, exclude_self=True)
    agrees(found, *brute(features, features, 2, "l1", exclude_self=True))
    assert held == [False] * 3


def test_many_candidates_are_scored_from_a_base_on_the_device(backend, monkeypatch):
    features = rows(50, 6)
    monkeypatch.setattr(exact, "_QUERIES", 16)
    index = exact.FlatIndex(features, SearchPlan())
    ids = np.tile(np.arange(50), (50, 1))
    for few, there in ((features[:10], False), (features, True)):
        found = index.settle(few, ids[: len(few)], 3, np.arange(len(few)))
        agrees(found, *brute(few, features, 3, "cosine", exclude_self=True))
        assert (index._base._whole is not None) == there


def test_where_the_base_does_not_fit_candidates_are_gathered_on_the_host(backend, monkeypatch):
    features = rows(50, 6)
    monkeypatch.setattr(exact, "_QUERIES", 16)

    def full(self, start, stop):
        raise MemoryError("std::bad_alloc: out_of_memory")

    monkeypatch.setattr(base.Base, "_load", full)
    ids = np.tile(np.arange(50), (50, 1))
    found = exact.FlatIndex(features, SearchPlan()).settle(features, ids, 3, np.arange(50))
    agrees(found, *brute(features, features, 3, "cosine", exclude_self=True))


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "l1"])
def test_candidates_may_repeat_be_no_row_or_be_left_out(backend, monkeypatch, metric):
    """On the device (from the second round on all rows are there) as on the host."""
    features = rows(60, 6)
    features[7, 3] = np.nan  # as far from everything as can be, but for angles
    own = np.arange(60)
    good = np.delete(own, 7)
    nearest, scores = brute(features[good], features[good], 3, metric, exclude_self=True)
    nearest = good[nearest]
    wrong = np.tile([-1, 60, 7, 2**31 - 1], (60, 1))
    ids = np.concatenate([wrong, own[:, None]], axis=1)
    ids[good] = np.concatenate([wrong[:59, :1], nearest, nearest[:, :1]], axis=1)
    index = exact.FlatIndex(features, SearchPlan(metric))
    for _ in range(2):
        found = index.settle(features, ids, 3, own)
        np.testing.assert_array_equal(found.ids[good], nearest)
        np.testing.assert_allclose(found.scores[good], scores, rtol=1e-6, atol=1e-6)
        index._base.bring()
    odd = index.settle(features[:20], np.tile([59, 59, 7, -1, 60], (20, 1)), 2, own[:20])
    assert (odd.ids[:7, 0] == 59).all()
    if metric != "cosine":  # where there is nothing else, rows at no distance stand last
        assert (odd.ids[:7, 1] == 7).all()


def test_what_settles_candidates_alone_is_not_made_ready_for_a_search(backend, monkeypatch):
    features = rows(50, 6)
    monkeypatch.setattr(exact, "_QUERIES", 16)
    index = exact.FlatIndex(features, SearchPlan())
    index.settle(features, np.tile(np.arange(50), (50, 1)), 3, np.arange(50))
    assert index._base._whole.prepared is None
    agrees(index.search(features[:5], 3), *brute(features[:5], features, 3, "cosine"))
    assert index._base._whole.prepared is not None


def test_the_base_stays_on_the_device_between_searches(backend, standins, monkeypatch):
    loads = []
    load = base.Base._load
    monkeypatch.setattr(base.Base, "_load", lambda *a: loads.append(a[1:]) or load(*a))
    index = exact.FlatIndex(rows(100, 4), SearchPlan())
    for _ in range(3):
        index.search(rows(5, 4), 1)
    assert loads == [(0, 100)]


def test_free_memory_counts_what_the_pool_holds_unused(backend, monkeypatch):
    from types import SimpleNamespace

    counts = SimpleNamespace(peak_bytes=5000, current_bytes=2000)
    before = memory.free_bytes()
    monkeypatch.setattr(
        memory, "_POOLS", {0: memory.Pool(SimpleNamespace(allocation_counts=counts), 1 << 40)}
    )
    assert memory.free_bytes() == before + 3000
