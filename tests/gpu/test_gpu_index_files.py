"""Indices of the GPU on disk: its own, the CPU's, and what the CPU reads of them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from conformance.test_neighbors import agrees, brute, clustered

from fastdup_gpu._errors import BackendUnavailable, FormatError, InvalidArgument
from fastdup_gpu.fallback_cpu import neighbors as cpu_neighbors
from fastdup_gpu.gpu import cagra, neighbors
from fastdup_gpu.protocol import SearchPlan

MODES = ["cagra", "ivf", "ivfpq", "nndescent"]


def stored(index, path: Path) -> dict:
    return json.loads(json.dumps({"kind": index.kind, **index.save(path)}))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_every_mode_answers_and_comes_back(backend, tmp_path, mode, metric):
    base, plan = clustered(1200, 12), SearchPlan(metric, mode)
    index = backend.build_index(base, plan)
    found = index.search(base, 3, exclude_self=True)
    assert found.recall >= 0.99
    agrees(found, *brute(base, base, 3, metric, exclude_self=True))
    header = stored(index, tmp_path / "nnf.index")
    loaded = backend.load_index(tmp_path / "nnf.index", header, base, plan)
    assert loaded.kind == index.kind
    again = loaded.search(base, 3, exclude_self=True)
    np.testing.assert_array_equal(found.ids, again.ids)
    assert found.recall == again.recall


@pytest.mark.parametrize("mode", MODES)
def test_queries_that_are_not_in_the_base(backend, mode):
    base, queries = clustered(1200, 12), clustered(40, 12, seed=5)
    found = backend.build_index(base, SearchPlan("cosine", mode)).search(queries, 4)
    agrees(found, *brute(queries, base, 4, "cosine"))


@pytest.mark.parametrize("mode", MODES)
def test_files_of_another_collection_are_refused(backend, tmp_path, mode):
    base, plan = clustered(1300, 8), SearchPlan("cosine", mode)
    header = stored(backend.build_index(base, plan), tmp_path / "nnf.index")
    for file in tmp_path.iterdir():
        file.write_bytes(b"PK\x03\x04 not an index")
    with pytest.raises(FormatError):
        backend.load_index(tmp_path / "nnf.index", header, base, plan)


@pytest.mark.parametrize("mode", ["ivf", "ivfpq", "nndescent"])
def test_a_base_of_another_length_is_refused(backend, tmp_path, mode):
    base, plan = clustered(1300, 8), SearchPlan("cosine", mode)
    header = stored(backend.build_index(base, plan), tmp_path / "nnf.index")
    with pytest.raises(FormatError, match="1300"):
        backend.load_index(tmp_path / "nnf.index", header, base[:1200], plan)


def test_an_ivf_index_of_the_gpu_is_searched_by_the_cpu(backend, tmp_path):
    base, plan = clustered(1200, 12), SearchPlan("cosine", "ivf")
    header = stored(backend.build_index(base, plan), tmp_path / "nnf.index")
    found = cpu_neighbors.load_index(tmp_path / "nnf.index", header, base, plan).search(base, 2)
    assert (found.ids[:, 0] == np.arange(1200)).mean() > 0.99


def test_an_ivf_index_of_the_cpu_is_made_anew_on_the_gpu(backend, tmp_path):
    base, plan = clustered(1200, 12), SearchPlan("cosine", "ivf")
    header = stored(cpu_neighbors.build_index(base, plan), tmp_path / "nnf.index")
    loaded = backend.load_index(tmp_path / "nnf.index", header, base, plan)
    agrees(loaded.search(base[:30], 3), *brute(base[:30], base, 3, "cosine"))


def test_a_small_ivf_index_of_the_cpu_is_answered_exactly_on_the_gpu(backend, tmp_path):
    base, plan = clustered(200, 6), SearchPlan("cosine", "ivf")
    header = stored(cpu_neighbors.build_index(base, plan), tmp_path / "nnf.index")
    assert backend.load_index(tmp_path / "nnf.index", header, base, plan).kind == "flat"


def test_a_cagra_index_of_another_cuvs_is_searched_as_hnsw(backend, tmp_path):
    base, plan = clustered(1200, 12), SearchPlan("cosine", "cagra")
    header = stored(backend.build_index(base, plan), tmp_path / "nnf.index")
    assert header["kind"] == "hnsw"
    header["cuvs"] = "25.02"
    loaded = neighbors.load_index(tmp_path / "nnf.index", header, base, plan)
    assert type(loaded).__name__ == "HnswIndex"
    agrees(loaded.search(base[:30], 3), *brute(base[:30], base, 3, "cosine"))


def test_names_that_are_not_utf8_are_written_and_read(backend, tmp_path):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    base, plan = clustered(1100, 8), SearchPlan("cosine", "cagra")
    header = stored(backend.build_index(base, plan), folder / "nnf.index")
    loaded = backend.load_index(folder / "nnf.index", header, base, plan)
    agrees(loaded.search(base[:5], 2), *brute(base[:5], base, 2, "cosine"))
    assert len(list(folder.iterdir())) == 2, "no temporary files are left"


def test_auto_and_hnsw_are_exact_up_to_the_limit_and_cagra_above(backend, monkeypatch):
    base = clustered(300, 8)
    assert [backend.build_index(base, SearchPlan(mode=m)).kind for m in ("auto", "hnsw")] == [
        "flat",
        "flat",
    ]
    monkeypatch.setattr(neighbors, "EXACT_UP_TO", 299)
    monkeypatch.setattr(neighbors.approximate, "FEWEST", 0)
    built = [neighbors.build_index(base, SearchPlan(mode=m)) for m in ("auto", "hnsw")]
    kinds = {type(index).__name__ for index in built}
    assert kinds == {"CagraIndex"}


def test_auto_and_hnsw_keep_rows_on_the_host_where_they_do_not_fit(backend, monkeypatch, caplog):
    def full(features, plan):
        raise MemoryError("std::bad_alloc: out_of_memory")

    base, queries = clustered(1200, 12), clustered(30, 12, seed=4)
    monkeypatch.setattr(neighbors, "EXACT_UP_TO", 299)
    monkeypatch.setattr(neighbors.approximate, "FEWEST", 0)
    monkeypatch.setattr(cagra, "build", full)
    for mode in ("auto", "hnsw"):
        with caplog.at_level("INFO", "fastdup_gpu"):
            index = backend.build_index(base, SearchPlan("cosine", mode))
        assert index.kind == "nndescent" and "1200 rows do not fit" in caplog.text
        found = index.search(base, 3, exclude_self=True)
        assert found.recall >= 0.99
        agrees(index.search(queries, 3), *brute(queries, base, 3, "cosine"))
    with pytest.raises(BackendUnavailable, match=r"'cagra' over 1200 rows .*nnf_mode='flat'"):
        backend.build_index(base, SearchPlan("cosine", "cagra"))


@pytest.mark.parametrize("mode", MODES)
def test_few_rows_are_answered_exactly_in_every_mode(backend, tmp_path, mode):
    base, plan = clustered(60, 4), SearchPlan("cosine", mode)
    index = backend.build_index(base, plan)
    header = stored(index, tmp_path / "nnf.index")
    assert index.kind == header["kind"] == "flat"
    agrees(
        index.search(base, 3, exclude_self=True), *brute(base, base, 3, "cosine", exclude_self=True)
    )


def test_a_neighbour_graph_says_how_well_it_answers_other_queries(backend, monkeypatch):
    """Rows of the base are looked up, other queries walk a graph: two recalls."""
    base, queries = clustered(1200, 12), clustered(30, 12, seed=4)
    index = neighbors.build_index(base, SearchPlan("cosine", "nndescent"))
    index._near = index._near[:, ::-1][:, :20].copy()  # a bad graph: the farther half
    assert index.search(base, 3, exclude_self=True).recall < 0.9
    found = index.search(queries, 3)
    assert found.recall >= 0.99
    agrees(found, *brute(queries, base, 3, "cosine"))
    many = index.search(base, 50, exclude_self=True)
    agrees(many, *brute(base, base, 50, "cosine", exclude_self=True))


def test_more_neighbours_than_cagra_lists_are_found_exactly(backend):
    base = clustered(1300, 8)
    found = backend.build_index(base, SearchPlan("cosine", "cagra")).search(base[:20], 600)
    agrees(found, *brute(base[:20], base, 600, "cosine"))


def test_an_ivf_index_is_searched_by_the_lists_that_it_has(backend, tmp_path):
    """Whatever the plan of the search says of lists."""
    base, plan = clustered(1200, 12), SearchPlan("cosine", "ivf", clusters=6)
    header = stored(backend.build_index(base, plan), tmp_path / "nnf.index")
    header["recalls"] = [[2, *[0.5] * 3]]
    plan = SearchPlan("cosine", "ivf")
    loaded = neighbors.load_index(tmp_path / "nnf.index", header, base, plan)
    assert list(loaded.ladder())[-1] == 6
    agrees(loaded.search(base[:30], 5), *brute(base[:30], base, 5, "cosine"))


@pytest.mark.parametrize("mode", ["ivfpq", "nndescent"])
def test_rows_that_do_not_fit_are_handed_over_in_host_memory(backend, standins, mode):
    base, plan = clustered(1200, 12), SearchPlan("euclidean", mode)
    standins.free = 4 * 12 * 1200
    found = backend.build_index(base, plan).search(base, 3, exclude_self=True)
    agrees(found, *brute(base, base, 3, "euclidean", exclude_self=True))


def test_an_index_that_does_not_fit_says_what_would(backend, monkeypatch):
    def full(*_):
        raise RuntimeError("std::bad_alloc: out_of_memory: CUDA error")

    monkeypatch.setattr(neighbors.cagra, "build", full)
    with pytest.raises(BackendUnavailable, match=r"1200 rows of 8 values.*'ivfpq'"):
        backend.build_index(clustered(1200, 8), SearchPlan("cosine", "cagra"))


def test_an_unknown_mode_lists_the_known(backend):
    with pytest.raises(InvalidArgument, match="'nndescent'"):
        backend.build_index(clustered(40, 4), SearchPlan(mode="tree"))  # type: ignore[arg-type]
