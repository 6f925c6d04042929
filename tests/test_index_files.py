"""Indices of the CPU on disk: what is in the files, and every kind of damage to them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conformance.test_neighbors import brute, clustered
from scipy.spatial.distance import cdist

from fastdup_gpu._errors import FormatError
from fastdup_gpu.fallback_cpu import hnsw, ivf, neighbors
from fastdup_gpu.indexing.approximate import Approximate, points
from fastdup_gpu.indexing.hnsw_file import HEADER, check_graph
from fastdup_gpu.protocol import SearchPlan

BASE = clustered(600, 6)


@cache
def built(plan: SearchPlan) -> Approximate:
    if plan.mode == "hnsw":
        pytest.importorskip("hnswlib", reason="hnswlib is not installed")
    return {"ivf": ivf, "hnsw": hnsw}[plan.mode].build(BASE, plan)


def write(folder: Path, plan: SearchPlan) -> tuple[dict[str, Any], Path]:
    """The header of an index over BASE, and the file beside it."""
    header = built(plan).save(folder / "nnf.index")
    (file,) = folder.iterdir()
    return header, file


def load(header: dict[str, Any], file: Path, plan: SearchPlan) -> Any:
    return neighbors.load_index(file.with_name("nnf.index"), header, BASE, plan)


@pytest.mark.parametrize("mode", ["ivf", "hnsw"])
def test_files_depend_on_the_seed_alone(tmp_path, mode):
    files = []
    for seed in (5, 5, 6):
        _, file = write(tmp_path, SearchPlan("cosine", mode, seed=seed, links=8))
        files.append(file.read_bytes())
        built.cache_clear()
    assert files[0] == files[1] != files[2]


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_lists_of_ivf_are_the_clusters_asked_for(tmp_path, metric):
    """Each row is in the list of its nearest centroid, and each centroid is the mean of a list."""
    plan = SearchPlan(metric, "ivf", clusters=12, iterations=100)
    _, file = write(tmp_path, plan)
    with np.load(file) as stored:
        centroids, labels = stored["centroids"], stored["labels"]
    rows = points(BASE, plan)
    assert (centroids.shape, centroids.dtype) == ((12, 6), np.float32)
    np.testing.assert_array_equal(labels, cdist(rows, centroids).argmin(axis=1))
    means = [rows[labels == c].mean(axis=0) for c in range(12)]
    np.testing.assert_allclose(centroids, means, atol=1e-5)


def test_ivf_makes_no_more_iterations_than_asked_for(tmp_path):
    files = set()
    for n in (1, 2, 3):
        _, file = write(tmp_path, SearchPlan("cosine", "ivf", clusters=7, iterations=n))
        files.add(file.read_bytes())
    assert len(files) == 3


IVF = SearchPlan("cosine", "ivf", clusters=7)
DAMAGED_IVF: dict[str, Callable[[Any, Any], dict[str, Any]]] = {
    "no labels": lambda c, r: {"centroids": c},
    "no centroids": lambda c, r: {"labels": r},
    "centroids of another length": lambda c, r: {"centroids": c[:, :5], "labels": r},
    "centroids in one dimension": lambda c, r: {"centroids": c[:, 0], "labels": r},
    "centroids in float64": lambda c, r: {"centroids": c.astype(np.float64), "labels": r},
    "centroids that are not finite": lambda c, r: {"centroids": c * np.inf, "labels": r},
    "centroids as objects": lambda c, r: {"centroids": c.astype(object), "labels": r},
    "fewer centroids than are visited": lambda c, r: {"centroids": c[:3], "labels": r % 3},
    "labels of fewer rows": lambda c, r: {"centroids": c, "labels": r[:-1]},
    "labels of lists that do not exist": lambda c, r: {"centroids": c, "labels": r + 1},
    "negative labels": lambda c, r: {"centroids": c, "labels": r - 1},
    "labels that are not whole numbers": lambda c, r: {"centroids": c, "labels": r + 0.5},
}


@pytest.mark.parametrize("damage", DAMAGED_IVF)
def test_damage_to_an_ivf_file_is_found(tmp_path, damage):
    header, file = write(tmp_path, IVF)
    with np.load(file) as stored:
        changed = DAMAGED_IVF[damage](stored["centroids"], stored["labels"])
    with file.open("wb") as out:
        np.savez(out, **changed)
    with pytest.raises(FormatError, match=r"nnf\.index\.npz .*run again to rebuild it"):
        load(header, file, IVF)


@pytest.mark.parametrize("mode", ["ivf", "hnsw"])
def test_a_missing_file_is_found(tmp_path, mode):
    plan = SearchPlan("cosine", mode)
    header, file = write(tmp_path, plan)
    file.unlink()
    with pytest.raises(FormatError, match="No such file"):
        load(header, file, plan)


@pytest.mark.parametrize("mode", ["ivf", "hnsw"])
@pytest.mark.parametrize(
    "recalls",
    [
        None,
        5,
        [],
        [[]],
        [[4]],
        [[4, "x"]],
        [[4, None]],
        [["x", 1.0]],
        [[0, 1.0]],
        [[-4, 1.0]],
        [[1 << 31, 1.0]],
        [[float("inf"), 1.0]],
        [[4, 0.9], [8, 1.0, 1.0]],
    ],
)
def test_damage_to_measured_recalls_is_found(tmp_path, mode, recalls):
    plan = SearchPlan("cosine", mode)
    header, file = write(tmp_path, plan)
    with pytest.raises(FormatError, match="measured recalls; run again to rebuild it"):
        load({**header, "recalls": recalls}, file, plan)
    del header["recalls"]
    with pytest.raises(FormatError, match="lacks its measured recalls"):
        load(header, file, plan)


HNSW = SearchPlan("euclidean", "hnsw", links=4)
ROWS_AT = HEADER.itemsize
ROW_SIZE = 4 + 4 * 8 + 4 * 6 + 8
LEVELS_AT = ROWS_AT + len(BASE) * ROW_SIZE
LEVEL_SIZE = 4 + 4 * 4


def header_of(data: np.ndarray) -> Any:
    return data[:ROWS_AT].view(HEADER)


def lowest(data: np.ndarray) -> np.ndarray:
    """u32[n, 9]: the count of links of each row on the lowest level, and 8 places of links."""
    return data[ROWS_AT:LEVELS_AT].view("<u4").reshape(len(BASE), -1)[:, :9]


def labels(data: np.ndarray) -> np.ndarray:
    """u32[n, 2]: the label of each row, low half first."""
    return data[ROWS_AT:LEVELS_AT].view("<u4").reshape(len(BASE), -1)[:, -2:]


def higher(data: np.ndarray) -> list[tuple[int, int]]:
    """(row, where its links on level 1 begin) of each row that has that level."""
    found, at = [], LEVELS_AT
    for row in range(len(BASE)):
        size = int(data[at : at + 4].view("<u4")[0])
        if size:
            found.append((row, at + 4))
        at += 4 + size
    assert found and at == len(data)
    return found


def set_field(name: str, change: Callable[[int], int]) -> Callable[[np.ndarray], None]:
    def changed(data: np.ndarray) -> None:
        header_of(data)[name] = change(header_of(data)[name].item())

    return changed


def on_level_1(data: np.ndarray, place: int | slice, value: int | tuple[int, int]) -> None:
    at = higher(data)[0][1]
    data[at : at + LEVEL_SIZE].view("<u4")[place] = value


def without_levels(data: np.ndarray) -> int:
    """A row that is on the lowest level only."""
    return min(set(range(len(BASE))) - {row for row, _ in higher(data)})


def full(data: np.ndarray) -> int:
    """A row whose places of links are all taken."""
    return int(np.flatnonzero(lowest(data)[:, 0] == 8)[0])


CHANGED_HNSW: dict[str, Callable[[np.ndarray], Any]] = {
    **{
        f"{name} {word}": set_field(name, change)
        for name in ("first", "capacity", "rows", "row_size", "label_at", "numbers_at", "top")
        for word, change in (("more", lambda x: x + 1), ("huge", lambda x: x + (1 << 30)))
    },
    "rows fewer": set_field("rows", lambda x: x - 1),
    "top lower": set_field("top", lambda x: x - 1),
    "no links": set_field("links", lambda x: 0),
    "more links than on the lowest level": set_field("links", lambda x: 9),
    "fewer links than on the lowest level": set_field("lowest_links", lambda x: 4),
    "too many links": set_field("lowest_links", lambda x: 1 << 40),
    "entry outside": set_field("entry", lambda x: len(BASE)),
    "entry and top on the lowest level": lambda d: header_of(d).__setitem__(
        ["entry", "top"], (without_levels(d), 0)
    ),
    "entry without levels": lambda d: set_field("entry", lambda _: without_levels(d))(d),
    "count of links": lambda d: lowest(d).__setitem__((3, 0), 9),
    "count of links on level 1": lambda d: on_level_1(d, 0, 5),
    "first link outside": lambda d: lowest(d).__setitem__((3, 1), len(BASE)),
    "last link outside": lambda d: lowest(d).__setitem__((full(d), 8), len(BASE)),
    "link outside on level 1": lambda d: on_level_1(d, slice(2), (1, len(BASE))),
    "link to a row without the level": lambda d: on_level_1(d, slice(2), (1, without_levels(d))),
    "a label twice": lambda d: labels(d).__setitem__(0, (1, 0)),
    "a label outside": lambda d: labels(d).__setitem__(0, (0, 1)),
    "size of levels": lambda d: d[LEVELS_AT : LEVELS_AT + 4].__setitem__(0, d[LEVELS_AT] + 4),
    "size of levels past the end": lambda d: d[LEVELS_AT : LEVELS_AT + 4].__setitem__(3, 64),
}


def changed_graph(tmp_path: Path, change: Callable[[np.ndarray], Any]) -> tuple[Any, Path]:
    header, file = write(tmp_path, HNSW)
    data = np.fromfile(file, np.uint8)
    change(data)
    data.tofile(file)
    return header, file


@pytest.mark.parametrize("damage", CHANGED_HNSW)
def test_damage_to_a_graph_is_found(tmp_path, damage):
    header, file = changed_graph(tmp_path, CHANGED_HNSW[damage])
    with pytest.raises(ValueError):  # before a library reads it
        check_graph(file, *BASE.shape)
    with pytest.raises(FormatError, match=r"is not a valid hnsw index .*run again to rebuild it"):
        load(header, file, HNSW)


@pytest.mark.parametrize("size", [0, 1, ROWS_AT - 1, ROWS_AT, LEVELS_AT - 1, LEVELS_AT, -4, -1])
def test_a_graph_that_was_cut_off_is_found(tmp_path, size):
    header, file = write(tmp_path, HNSW)
    file.write_bytes(file.read_bytes()[:size])
    with pytest.raises(FormatError, match="it is truncated"):
        load(header, file, HNSW)


@pytest.mark.parametrize("more", [1, 4, LEVEL_SIZE])
def test_more_than_a_graph_is_found(tmp_path, more):
    header, file = write(tmp_path, HNSW)
    file.write_bytes(file.read_bytes() + bytes(more))
    with pytest.raises(FormatError, match="it contains more than a graph"):
        load(header, file, HNSW)


def test_rows_of_a_graph_may_be_in_any_order(tmp_path):
    header, file = changed_graph(
        tmp_path, lambda d: labels(d).__setitem__([0, 1], labels(d)[[1, 0]])
    )
    check_graph(file, *BASE.shape)
    load(header, file, HNSW)


def test_what_is_in_unused_places_of_a_graph_does_not_matter(tmp_path):
    def change(data: np.ndarray) -> None:
        lists = lowest(data)
        lists[:, 1:][np.arange(8) >= lists[:, :1]] = 0xFFFFFFFF
        at = next(at for _, at in higher(data) if data[at] < 4)
        data[at : at + LEVEL_SIZE].view("<u4")[4] = 0xFFFFFFFF

    header, file = changed_graph(tmp_path, change)
    found = load(header, file, HNSW).search(BASE, 2, exclude_self=True)
    assert np.mean(found.ids == brute(BASE, BASE, 2, "euclidean", exclude_self=True)[0]) > 0.95
