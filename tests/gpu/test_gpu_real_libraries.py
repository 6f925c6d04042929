"""What of the GPU's libraries runs without a GPU, by the backend's own code."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
import standin
from conformance.test_neighbors import brute, clustered
from making import photo
from PIL import Image

from fastdup_gpu._errors import FormatError
from fastdup_gpu.protocol import SearchPlan


@pytest.fixture(autouse=True)
def numpy_for_cupy(monkeypatch):
    """CuPy alone cannot do without a GPU."""
    monkeypatch.setitem(sys.modules, "cupy", standin.Cupy())


def jpeg(seed: int, **options: object) -> bytes:
    out = io.BytesIO()
    photo(seed).save(out, "JPEG", quality=92, **options)
    return out.getvalue()


def turned(seed: int, value: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = value
    return jpeg(seed, exif=exif)


def close_to(picture: object, seed: int, turns: int = 0) -> None:
    expected = np.rot90(np.asarray(photo(seed)), turns).astype(int)
    found = np.asarray(picture).astype(int)
    assert found.shape == expected.shape
    assert np.abs(found - expected).mean() < 6


def test_dali_decodes_upright_and_outlives_a_bad_picture():
    pytest.importorskip("nvidia.dali", reason="DALI is not installed")
    from fastdup_gpu.gpu.dali import DaliDecoder

    decoder = DaliDecoder(None, 4)
    good = [jpeg(1), turned(2, 6), jpeg(3)]
    for _ in range(2):
        for picture, (seed, turns) in zip(
            decoder.decode(good), ((1, 0), (2, 3), (3, 0)), strict=True
        ):
            close_to(picture, seed, turns)
    assert decoder.decode([jpeg(1), b"junk" * 50]) == [None, None]
    assert decoder.decode([jpeg(1)[:900]]) == [None]
    close_to(decoder.decode([jpeg(3)])[0], 3)


def test_dali_takes_more_pictures_than_a_batch():
    pytest.importorskip("nvidia.dali", reason="DALI is not installed")
    from fastdup_gpu.gpu.dali import DaliDecoder

    found = DaliDecoder(None, 2).decode([jpeg(i) for i in range(5)])
    for i, picture in enumerate(found):
        close_to(picture, i)


def test_nvimagecodec_gives_none_for_a_bad_picture_alone():
    pytest.importorskip("nvidia.nvimgcodec", reason="nvImageCodec is not installed")
    from fastdup_gpu.gpu.nvimg import NvImageDecoder

    decoder = NvImageDecoder(None)
    found = decoder.decode([jpeg(1), b"junk" * 50, turned(2, 6), b"", jpeg(3)[:1200], jpeg(4)])
    assert [p is None for p in found] == [False, True, False, True, True, False]
    close_to(found[0], 1)
    close_to(found[2], 2, 3)
    close_to(found[5], 4)


def test_nvimagecodec_gives_three_colours_for_grey():
    pytest.importorskip("nvidia.nvimgcodec", reason="nvImageCodec is not installed")
    from fastdup_gpu.gpu.nvimg import NvImageDecoder

    out = io.BytesIO()
    photo(5).convert("L").save(out, "JPEG", quality=92)
    (found,) = NvImageDecoder(None).decode([out.getvalue()])
    assert found.shape == (90, 120, 3)
    assert (found[..., 0] == found[..., 2]).all()


@pytest.mark.parametrize(("metric", "space"), [("cosine", "ip"), ("euclidean", "l2")])
def test_an_hnsw_file_is_searched_on_the_host(tmp_path, metric, space):
    """The format that CAGRA is exported to, here written by hnswlib itself."""
    pytest.importorskip("cuvs", reason="cuVS is not installed")
    hnswlib = pytest.importorskip("hnswlib", reason="writes the file")
    from fastdup_gpu.gpu import hnsw
    from fastdup_gpu.gpu.approximate import points

    features, plan = clustered(3000, 24), SearchPlan(metric)
    graph = hnswlib.Index(space, 24)
    graph.init_index(3000, M=16, ef_construction=100, random_seed=0)
    graph.add_items(points(features, plan), num_threads=1)
    graph.save_index(str(tmp_path / "nnf.index.hnsw"))
    index = hnsw.load(tmp_path / "nnf.index", features, plan)
    found = hnsw.host_search(index._graph, points(features[:200], plan), 5, 128)
    ids, _ = brute(features[:200], features, 5, metric)
    assert (found[:, :, None] == ids[:, None, :]).any(axis=2).mean() >= 0.99


@pytest.mark.parametrize("damage", ["missing", "cut", "foreign", "other-rows"])
def test_a_file_that_is_no_hnsw_index_is_refused(tmp_path, damage):
    pytest.importorskip("cuvs", reason="cuVS is not installed")
    from fastdup_gpu.gpu import hnsw

    file = tmp_path / "nnf.index.hnsw"
    head = np.array([0, 9, 9 if damage == "other-rows" else 20], np.uint64).tobytes()
    if damage != "missing":
        file.write_bytes({"cut": head[:9], "foreign": b"PK" * 40}.get(damage, head + b"x" * 30))
    with pytest.raises(FormatError, match="no stored hnsw index"):
        hnsw.load(tmp_path / "nnf.index", clustered(20, 4), SearchPlan())
