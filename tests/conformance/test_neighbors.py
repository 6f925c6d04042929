"""Neighbours against brute force in float64."""

from __future__ import annotations

import json
import os
import sys

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from fastdup_gpu._errors import FormatError, InvalidArgument
from fastdup_gpu.protocol import METRICS, Neighbors, SearchPlan

SCIPY = {"l1": "cityblock", "linf": "chebyshev"}


@pytest.fixture(autouse=True)
def a_graph_of_few_rows(request, backend, monkeypatch):
    """By mode 'hnsw' too, for which the CPU would search as few rows exhaustively."""
    if backend.name == "cpu" and request.node.callspec.params.get("mode") == "hnsw":
        monkeypatch.setattr("fastdup_gpu.fallback_cpu.neighbors.EXACT_UP_TO", 0)


def rows(n: int, d: int, seed: int = 0) -> np.ndarray:
    """Non-negative, so that every metric takes them."""
    return np.random.default_rng(seed).random((n, d), dtype=np.float32)


def clustered(n: int, d: int, seed: int = 0) -> np.ndarray:
    """Clusters of some 20 rows, themselves in 50 groups."""
    rng = np.random.default_rng(seed)
    groups = rng.standard_normal((50, d))
    centres = groups[rng.integers(0, 50, n // 20)] + rng.standard_normal((n // 20, d)) * 0.5
    members = centres[rng.integers(0, len(centres), n)] + rng.standard_normal((n, d)) * 0.3
    return members.astype(np.float32)


def all_scores(queries: np.ndarray, base: np.ndarray, metric: str) -> np.ndarray:
    q, b = queries.astype(np.float64), base.astype(np.float64)
    if metric == "cosine":
        lengths = np.linalg.norm(q, axis=1)[:, None] * np.linalg.norm(b, axis=1)
        return np.divide(q @ b.T, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    return cdist(q, b, SCIPY.get(metric, metric))


def brute(queries, base, k, metric, *, exclude_self=False):
    """The k best ids and scores, ties by id, padded with -1 and nan."""
    scores = all_scores(queries, base, metric)
    order_by = -scores if metric == "cosine" else scores.copy()
    if exclude_self:
        np.fill_diagonal(order_by, np.nan)
    ids = np.argsort(order_by, axis=1, kind="stable")[:, :k]
    best = np.take_along_axis(scores, ids, axis=1)
    gone = np.isnan(np.take_along_axis(order_by, ids, axis=1))
    ids[gone], best[gone] = -1, np.nan
    width = ((0, 0), (0, k - ids.shape[1]))
    return np.pad(ids, width, constant_values=-1), np.pad(best, width, constant_values=np.nan)


def agrees(found, ids, scores, rtol=1e-6) -> None:
    assert found.ids.dtype == np.int64
    assert found.scores.dtype == np.float32
    np.testing.assert_array_equal(found.ids, ids)
    np.testing.assert_allclose(found.scores, scores, rtol=rtol, atol=1e-6)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("k", [1, 2, 30])
def test_whole_base_without_self(backend, metric, k):
    base = rows(500, 24)
    found = backend.build_index(base, SearchPlan(metric)).search(base, k, exclude_self=True)
    agrees(found, *brute(base, base, k, metric, exclude_self=True))
    assert found.recall == 1
    assert found.recall == 1


@pytest.mark.parametrize("metric", METRICS)
def test_other_queries(backend, metric):
    base, queries = rows(700, 16), rows(90, 16, seed=1)
    found = backend.build_index(base, SearchPlan(metric, "flat")).search(queries, 5)
    agrees(found, *brute(queries, base, 5, metric))


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_more_rows_than_a_block(backend, metric):
    base = rows(5000, 20) - np.float32(0.5)
    index = backend.build_index(base, SearchPlan(metric, "flat"))
    agrees(
        index.search(base, 3, exclude_self=True), *brute(base, base, 3, metric, exclude_self=True)
    )
    agrees(index.search(base[:1], 3), *brute(base[:1], base, 3, metric))
    some = base[:3000]
    agrees(
        index.search(some, 3, exclude_self=True), *brute(some, base, 3, metric, exclude_self=True)
    )


def test_cosines_below_zero(backend):
    base = rows(40, 6) - np.float32(0.5)
    base[7] = -base[3]
    found = backend.build_index(base, SearchPlan()).search(base, 39, exclude_self=True)
    agrees(found, *brute(base, base, 39, "cosine", exclude_self=True))
    assert (found.ids[3, -1], found.scores[3, -1]) == (7, -1)


def test_cosines_that_differ_by_the_last_bits_of_float32_are_in_order(backend):
    base = np.array([(1, t) for t in (7e-4, 6e-4, 4e-4, 2e-4)], np.float32)
    found = backend.build_index(base, SearchPlan()).search(np.float32([[2, 0]]), 1)
    assert found.ids.tolist() == [[3]]


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("scale", [1e-6, 1, 1e6])
def test_scores_that_differ_little_are_in_order(backend, metric, scale):
    """By more than float32 rounds them; what is nearest has the largest ids."""
    angles = np.linspace(0.3, 0.1, 200)
    base = (scale * np.stack([np.cos(angles), np.sin(angles)], axis=1)).astype(np.float32)
    query = np.array([[scale, 0]], np.float32)
    found = backend.build_index(base, SearchPlan(metric)).search(query, 7)
    agrees(found, *brute(query, base, 7, metric))


@pytest.mark.parametrize("k", [300, 1000])
def test_many_neighbours(backend, k):
    base = rows(3000, 8) - np.float32(0.5)
    found = backend.build_index(base, SearchPlan()).search(base, k, exclude_self=True)
    ids, scores = brute(base, base, k, "cosine", exclude_self=True)
    np.testing.assert_allclose(found.scores, scores, atol=1e-6)
    assert np.mean(found.ids == ids) > 0.999  # float32 scores tie now and then


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("exclude_self", [False, True])
def test_fewer_rows_than_asked_for_are_padded(backend, metric, n, exclude_self):
    base = rows(n, 5)
    found = backend.build_index(base, SearchPlan(metric)).search(base, 4, exclude_self=exclude_self)
    agrees(found, *brute(base, base, 4, metric, exclude_self=exclude_self))
    assert (found.ids == -1).sum() == n * (4 - n + exclude_self)


@pytest.mark.parametrize("metric", METRICS)
def test_ties_stand_in_order_of_id(backend, metric):
    base = np.tile(rows(3, 12), (40, 1))
    found = backend.build_index(base, SearchPlan(metric)).search(base, 20, exclude_self=True)
    same = np.arange(120).reshape(40, 3).T
    for i in range(120):
        assert found.ids[i].tolist() == [j for j in same[i % 3] if j != i][:20]
    best = 1 if metric == "cosine" else 0
    np.testing.assert_allclose(found.scores, best, atol=1e-6)


def test_duplicates_score_one_and_self_is_known_by_id(backend):
    base = rows(300, 576)
    base[100:110] = base[7]
    found = backend.build_index(base, SearchPlan()).search(base, 2, exclude_self=True)
    assert found.ids[7].tolist() == [100, 101]
    assert found.ids[100].tolist() == [7, 101]
    assert (found.scores[100:110] == 1).all()
    assert (found.ids != np.arange(300)[:, None]).all()


def test_cosine_of_zero_rows_is_zero(backend):
    base = rows(20, 6)
    base[[3, 9]] = 0
    found = backend.build_index(base, SearchPlan()).search(base, 19, exclude_self=True)
    agrees(found, *brute(base, base, 19, "cosine", exclude_self=True))
    assert (found.scores[[3, 9]] == 0).all()


@pytest.mark.parametrize("metric", [m for m in METRICS if m not in ("cosine", "jensenshannon")])
def test_two_rows_of_zeros_are_equal(backend, metric):
    base = rows(20, 6)
    base[[3, 9]] = 0
    found = backend.build_index(base, SearchPlan(metric)).search(base, 19, exclude_self=True)
    scores = np.nan_to_num(all_scores(base, base, metric))
    np.fill_diagonal(scores, np.inf)
    np.testing.assert_array_equal(found.ids, np.argsort(scores, axis=1, kind="stable")[:, :19])
    np.testing.assert_allclose(found.scores, np.sort(scores, axis=1)[:, :19], rtol=1e-6)


def test_rows_of_zeros_are_no_distributions(backend):
    """scipy's jensenshannon has no value for them: infinite, and 0 between two."""
    base = rows(20, 6)
    base[[3, 9]] = 0
    base[5, 2] = 0
    found = backend.build_index(base, SearchPlan("jensenshannon")).search(base, 20)
    others = np.delete(np.arange(20), [3, 9])
    assert found.ids[3].tolist() == [3, 9, *others]
    assert found.scores[3].tolist() == [0, 0] + [np.inf] * 18
    assert (found.ids[others, 18:] == [3, 9]).all()
    assert np.isinf(found.scores[others, 18:]).all()
    ids, scores = brute(base[others], base[others], 18, "jensenshannon")
    np.testing.assert_array_equal(found.ids[others, :18], others[ids])
    np.testing.assert_allclose(found.scores[others, :18], scores, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("metric", METRICS)
def test_no_row_is_finite(backend, metric):
    base = np.full((3, 4), np.nan, np.float32)
    found = backend.build_index(base, SearchPlan(metric)).search(base, 2, exclude_self=True)
    assert found.ids.tolist() == [[1, 2], [0, 2], [0, 1]]
    assert (found.scores == (0 if metric == "cosine" else np.inf)).all()


@pytest.mark.parametrize("mode", ["flat", "ivf", "hnsw"])
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_many_values_that_are_not_finite_displace_nothing(backend, mode, value):
    base = clustered(600, 8)
    base[:60, 3] = value
    found = backend.build_index(base, SearchPlan("euclidean", mode)).search(
        base, 5, exclude_self=True
    )
    ids, _ = brute(base[60:], base[60:], 5, "euclidean", exclude_self=True)
    assert (found.ids[60:, :, None] == ids[:, None, :] + 60).any(axis=1).mean() >= 0.99
    assert np.isinf(found.scores[:60]).all()


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_harm_only_their_row(backend, metric, value):
    base = rows(60, 6)
    bad = base.copy()
    bad[17, 2] = value
    index = backend.build_index(bad, SearchPlan(metric))
    found = index.search(bad, 5, exclude_self=True)
    good = np.delete(np.arange(60), 17)
    ids, scores = brute(base[good], base[good], 5, metric, exclude_self=True)
    np.testing.assert_array_equal(found.ids[good], good[ids])
    np.testing.assert_allclose(found.scores[good], scores, rtol=1e-6, atol=1e-6)
    assert (found.scores[17] == (0 if metric == "cosine" else np.inf)).all()
    everything = index.search(bad, 59, exclude_self=True)
    if metric != "cosine":
        assert (everything.ids[good, -1] == 17).all()
        assert np.isinf(everything.scores[good, -1]).all()


@pytest.mark.parametrize("far", [0, 3])
def test_rows_far_from_the_origin_have_their_own_neighbours(backend, far):
    """Coordinates in metres, say; and with a few rows that are elsewhere."""
    corner = np.array([5e5, 5.3e6], np.float32)
    base = corner + rows(500, 2) * np.float32(100)
    base[:far] = 1e9
    index = backend.build_index(base, SearchPlan("euclidean", "flat"))
    agrees(index.search(base[far:], 3), *brute(base[far:], base, 3, "euclidean"))
    found = index.search(base, 3, exclude_self=True)
    near = Neighbors(found.ids[far:], found.scores[far:])
    ids, scores = brute(base, base, 3, "euclidean", exclude_self=True)
    agrees(near, ids[far:], scores[far:])


def test_a_far_row_does_not_blur_the_others(backend):
    base = rows(200, 10)
    base[5] = 1e6
    index = backend.build_index(base, SearchPlan("euclidean"))
    queries = np.delete(base, 5, axis=0)
    agrees(index.search(queries, 3), *brute(queries, base, 3, "euclidean"))


@pytest.mark.parametrize("mode", ["flat", "ivf", "hnsw"])
def test_memory_map(backend, tmp_path, mode):
    base = clustered(1500, 16)
    base.tofile(tmp_path / "features.dat")
    mapped = np.memmap(tmp_path / "features.dat", np.float32, "r", shape=base.shape)
    plan = SearchPlan("cosine", mode)
    of_map = backend.build_index(mapped, plan).search(mapped, 4, exclude_self=True)
    of_array = backend.build_index(base, plan).search(base, 4, exclude_self=True)
    np.testing.assert_array_equal(of_map.ids, of_array.ids)
    np.testing.assert_array_equal(of_map.scores, of_array.scores)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("mode", ["flat", "ivf", "hnsw", "auto"])
def test_save_and_load_answer_alike(backend, tmp_path, metric, mode):
    base, queries = clustered(1200, 16), clustered(50, 16, seed=3)
    plan = SearchPlan(metric, mode)
    built = backend.build_index(base, plan)
    header = json.loads(json.dumps(built.save(tmp_path / "nnf.index")))
    loaded = backend.load_index(tmp_path / "nnf.index", {"kind": built.kind, **header}, base, plan)
    assert loaded.kind == built.kind
    before, after = built.search(queries, 4), loaded.search(queries, 4)
    np.testing.assert_array_equal(before.ids, after.ids)
    np.testing.assert_array_equal(before.scores, after.scores)
    assert before.recall == after.recall


@pytest.mark.parametrize("mode", ["ivf", "hnsw"])
def test_odd_file_names(backend, tmp_path, mode):
    base = clustered(800, 8)
    plan = SearchPlan("cosine", mode)
    built = backend.build_index(base, plan)
    folder = tmp_path / os.fsdecode(b"-a 'quoted'\n\xff")
    folder.mkdir()
    header = built.save(folder / "nnf.index")
    loaded = backend.load_index(folder / "nnf.index", header, base, plan)
    np.testing.assert_array_equal(built.search(base, 2).ids, loaded.search(base, 2).ids)
    names = [file.name for file in folder.iterdir()]
    assert all(name.startswith("nnf.index") and not name.endswith("tmp") for name in names)


def test_loading_refuses_what_does_not_fit(backend, tmp_path):
    base = clustered(1200, 8)
    plan = SearchPlan("cosine", "ivf")
    header = backend.build_index(base, plan).save(tmp_path / "nnf.index")
    with pytest.raises(FormatError):
        backend.load_index(tmp_path / "nnf.index", header, base[:700], plan)
    for payload in tmp_path.iterdir():
        payload.write_bytes(b"PK\x03\x04 not an index")
    with pytest.raises(FormatError):
        backend.load_index(tmp_path / "nnf.index", header, base, plan)
    with pytest.raises(FormatError):
        backend.load_index(tmp_path / "nnf.index", {"kind": "tree"}, base, plan)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("mode", ["ivf", "hnsw"])
def test_recall_on_clusters(backend, metric, mode):
    n = 20_000 if mode == "ivf" else 6_000
    base = clustered(n, 64)
    found = backend.build_index(base, SearchPlan(metric, mode)).search(base, 5, exclude_self=True)
    sample = np.arange(0, n, 40)
    scores = all_scores(base[sample], base, metric)
    order_by = -scores if metric == "cosine" else scores
    order_by[np.arange(len(sample)), sample] = np.inf
    ids = np.argsort(order_by, axis=1)[:, :5]
    hits = (found.ids[sample][:, :, None] == ids[:, None, :]).any(axis=1)
    assert hits.mean() >= 0.99
    assert found.recall >= 0.99
    assert (found.ids != np.arange(n)[:, None]).all()
    exact = np.take_along_axis(scores, found.ids[sample], axis=1)
    np.testing.assert_allclose(found.scores[sample], exact, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("mode", ["auto", "hnsw"])
def test_many_rows_without_optional_packages(backend, monkeypatch, caplog, mode):
    monkeypatch.setitem(sys.modules, "hnswlib", None)
    base = clustered(60_000, 8)
    with caplog.at_level("INFO", logger="fastdup_gpu"):
        found = backend.build_index(base, SearchPlan("cosine", mode)).search(base[:300], 2)
    ids, _ = brute(base[:300], base, 2, "cosine")
    assert (found.ids[:, :, None] == ids[:, None, :]).any(axis=1).mean() >= 0.99
    said = [record for record in caplog.records if "hnswlib" in record.getMessage()]
    assert len(said) == (mode == "hnsw" and backend.name == "cpu")


def test_reported_recall_is_honest_without_structure(backend):
    base = np.random.default_rng(0).standard_normal((6000, 128)).astype(np.float32)
    found = backend.build_index(base, SearchPlan("cosine", "ivf", clusters=500)).search(
        base, 2, exclude_self=True
    )
    ids, _ = brute(base, base, 2, "cosine", exclude_self=True)
    true = (found.ids[:, :, None] == ids[:, None, :]).any(axis=1).mean()
    assert abs(found.recall - true) < 0.05


@pytest.mark.parametrize("mode", ["flat", "ivf", "hnsw"])
def test_two_builds_are_equal(backend, mode):
    base = clustered(3000, 24)
    plan = SearchPlan("cosine", mode, seed=5)
    one, two = (backend.build_index(base, plan).search(base, 3, exclude_self=True) for _ in "ab")
    np.testing.assert_array_equal(one.ids, two.ids)
    np.testing.assert_array_equal(one.scores, two.scores)


@pytest.mark.parametrize("mode", ["ivf", "hnsw"])
def test_many_equal_rows(backend, mode):
    base = clustered(2000, 8)
    base[500:1500] = base[0]
    found = backend.build_index(base, SearchPlan("cosine", mode)).search(base, 3, exclude_self=True)
    assert (found.scores[500:1500] == 1).all()
    _, scores = brute(base, base, 3, "cosine", exclude_self=True)
    assert found.recall == pytest.approx((found.scores > scores - 1e-6).mean(), abs=0.03)
    assert found.recall >= (0.9 if mode == "hnsw" else 0.99)  # a graph has islands of equal rows


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("mode", ["ivf", "hnsw"])
def test_equal_scores_of_any_mode_are_ordered_by_id(backend, metric, mode):
    base = np.repeat(clustered(100, 8), 6, axis=0)
    base = base[np.random.default_rng(0).permutation(600)]
    found = backend.build_index(base, SearchPlan(metric, mode)).search(base, 5, exclude_self=True)
    same = (base[found.ids] == base[:, None]).all(axis=2)
    assert same.mean() > 0.95
    assert (np.diff(found.ids, axis=1) > 0)[same[:, 1:]].all()


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("mode", ["ivf", "hnsw"])
@pytest.mark.parametrize("n", [1, 2, 3, 12])
@pytest.mark.parametrize("exclude_self", [False, True])
def test_an_index_of_few_rows(backend, metric, mode, n, exclude_self):
    base = rows(n, 5)
    index = backend.build_index(base, SearchPlan(metric, mode))
    found = index.search(base, 15, exclude_self=exclude_self)
    agrees(found, *brute(base, base, 15, metric, exclude_self=exclude_self))
    assert found.recall == 1


@pytest.mark.parametrize("mode", ["flat", "ivf", "hnsw"])
def test_lengths_do_not_matter_to_cosine(backend, mode):
    """Powers of two, so that nothing is rounded in another way."""
    base, queries = clustered(1200, 16), clustered(300, 16, seed=3)
    rng = np.random.default_rng(0)
    one = backend.build_index(base, SearchPlan("cosine", mode)).search(queries, 4)
    base, queries = (
        x * np.exp2(rng.integers(-8, 9, (len(x), 1))).astype(np.float32) for x in (base, queries)
    )
    two = backend.build_index(base, SearchPlan("cosine", mode)).search(queries, 4)
    np.testing.assert_array_equal(one.ids, two.ids)
    np.testing.assert_array_equal(one.scores, two.scores)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_every_row_of_an_ivf_index_is_found_by_itself(backend, metric):
    """Also from lists of more rows than a block, and as a query among many."""
    base = clustered(10_000, 8)
    index = backend.build_index(base, SearchPlan(metric, "ivf", clusters=2))
    assert (index.search(base, 1).ids[:, 0] == np.arange(10_000)).all()
    few = np.arange(9_999, 0, -1111)
    assert (index.search(base[few], 1).ids[:, 0] == few).all()


@pytest.mark.parametrize("mode", ["hnsw", "ivf"])
@pytest.mark.parametrize("metric", [m for m in METRICS if m not in ("cosine", "euclidean")])
def test_other_metrics_are_exact_only(backend, mode, metric):
    with pytest.raises(InvalidArgument, match=metric):
        backend.build_index(rows(10, 4), SearchPlan(metric, mode))


def test_jensenshannon_refuses_negative_features(backend):
    base = rows(10, 4) - np.float32(0.5)
    with pytest.raises(InvalidArgument, match="jensenshannon"):
        backend.build_index(base, SearchPlan("jensenshannon")).search(base, 1)


@pytest.mark.parametrize(
    ("shape", "k", "exclude_self"), [((3, 5), 1, False), ((3, 4), 0, False), ((11, 4), 1, True)]
)
@pytest.mark.parametrize("mode", ["flat", "ivf", "hnsw"])
def test_arguments_that_do_not_fit(backend, mode, shape, k, exclude_self):
    index = backend.build_index(rows(10, 4), SearchPlan("cosine", mode))
    with pytest.raises(InvalidArgument):
        index.search(rows(*shape), k, exclude_self=exclude_self)


@pytest.mark.parametrize("mode", ["flat", "ivf", "hnsw"])
def test_queries_that_do_not_fit(backend, mode):
    index = backend.build_index(rows(3, 4), SearchPlan("cosine", mode))
    with pytest.raises(InvalidArgument, match=r"queries of shape \(4,\)"):
        index.search(rows(1, 4)[0], 1)
    agrees(index.search(rows(9, 4), 2), *brute(rows(9, 4), rows(3, 4), 2, "cosine"))


@pytest.mark.parametrize("shape", [(4,), (3, 0), (2, 2, 2)])
def test_features_that_cannot_be_indexed(backend, shape):
    with pytest.raises(InvalidArgument, match=r"expected \(n, d\)"):
        backend.build_index(np.ones(shape, np.float32), SearchPlan())


def test_plans_that_there_are_not(backend):
    with pytest.raises(InvalidArgument, match="distance='hamming'"):
        backend.build_index(rows(3, 4), SearchPlan("hamming"))
    with pytest.raises(InvalidArgument, match="nnf_mode='tree'"):
        backend.build_index(rows(3, 4), SearchPlan("cosine", "tree"))
