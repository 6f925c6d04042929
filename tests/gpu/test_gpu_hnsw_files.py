"""HNSW files by cuVS's own hand, which needs no GPU for them once a graph is there."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import standin
from conformance.test_neighbors import brute, clustered

from fastdup_gpu.indexing.approximate import points
from fastdup_gpu.protocol import SearchPlan

pytest.importorskip("cuvs", reason="cuVS is not installed")
hnswlib = pytest.importorskip("hnswlib", reason="writes and reads the files")


@pytest.fixture(autouse=True)
def numpy_for_cupy(monkeypatch):
    """CuPy alone cannot do without a GPU."""
    monkeypatch.setitem(sys.modules, "cupy", standin.Cupy())


def graph_file(path, rows, space: str, links: int, construction: int):
    graph = hnswlib.Index(space, rows.shape[1])
    graph.init_index(len(rows), M=links, ef_construction=construction, random_seed=0)
    graph.add_items(rows, num_threads=1)
    graph.save_index(str(path))


@pytest.mark.parametrize(("metric", "space"), [("cosine", "ip"), ("euclidean", "l2")])
def test_what_cuvs_writes_is_read_by_hnswlib(tmp_path, metric, space):
    """As a CAGRA graph leaves: by hnsw.save of hierarchy 'cpu', then hnswlib, without cuVS."""
    from fastdup_gpu.gpu import hnsw

    features, plan = clustered(2000, 24), SearchPlan(metric)
    graph_file(tmp_path / "one.hnsw", points(features, plan), space, 16, 100)
    loaded = hnsw.load(tmp_path / "one", features, plan)
    loaded.write(tmp_path / "two")
    again = hnswlib.Index(space, 24)
    again.load_index(str(tmp_path / "two.hnsw"))
    assert again.element_count == 2000
    again.set_ef(128)
    found, _ = again.knn_query(points(features[:200], plan), 5, num_threads=1)
    ids, _ = brute(features[:200], features, 5, metric)
    assert (found[:, :, None].astype(int) == ids[:, None, :]).any(axis=1).mean() >= 0.99


def test_a_graph_in_pieces_gives_only_rows_that_there_are(tmp_path, monkeypatch):
    """cuVS reads past the end of what it found; hnswlib itself raises."""
    from fastdup_gpu.gpu import hnsw

    rng = np.random.default_rng(0)
    features = np.repeat(rng.standard_normal((60, 8)).astype(np.float32), 40, axis=0)
    graph_file(tmp_path / "a.hnsw", features, "l2", 2, 4)
    index = hnsw.load(tmp_path / "a", features, SearchPlan("euclidean"))
    efforts = []
    search = hnsw.host_search
    monkeypatch.setattr(
        hnsw, "host_search", lambda *given: efforts.append(given[3]) or search(*given)
    )
    found = index.candidates(features[:50], 100, None, 100)
    assert efforts[0] == 100 and efforts[-1] == len(features)
    assert ((found >= 0) & (found < len(features))).all()
