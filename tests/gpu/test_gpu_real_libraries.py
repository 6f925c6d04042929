"""What of the GPU's libraries runs without a GPU, by the backend's own code."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import standin
from conformance.test_neighbors import brute, clustered
from making import photo
from mixed_pictures import mixed
from PIL import Image

from fastdup_gpu._errors import FormatError
from fastdup_gpu.fallback_cpu.decode import decode as cpu_decode
from fastdup_gpu.gpu import decode, memory
from fastdup_gpu.gpu.ready import make_ready
from fastdup_gpu.kernels import load
from fastdup_gpu.protocol import Encoded, PixelPlan, SearchPlan


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


def test_a_batch_with_bad_files_goes_through_dali_and_nvimagecodec_as_on_the_cpu():
    """The whole way: what kills DALI is decoded by nvImageCodec, what that refuses by the CPU."""
    pytest.importorskip("nvidia.dali", reason="DALI is not installed")
    from fastdup_gpu.gpu.dali import DaliDecoder
    from fastdup_gpu.gpu.nvimg import NvImageDecoder

    plan = PixelPlan(32, 32)
    dali = DaliDecoder(None, 4)
    names = ["dali", "nvimgcodec"]
    given: dict[str, list[int]] = {name: [] for name in names}
    decoders = [Counting(dali, given["dali"]), Counting(NvImageDecoder(None), given["nvimgcodec"])]
    without_tables = jpeg(1).replace(b"\xff\xdb", b"\xff\xfe")  # nothing vetting looks at
    bad = [*mixed(), Encoded(20, lambda: without_tables)]
    for items in (bad, [Encoded(i, partial(jpeg, i)) for i in range(5)]):
        ready = [make_ready(item, plan) for item in items]
        outcomes = _outcomes(ready, decoders)
        expected = cpu_decode(items, plan).outcomes
        assert [(o.index, o.status, o.width, o.height) for o in outcomes] == [
            (o.index, o.status, o.width, o.height) for o in expected
        ]
    assert given == {"dali": [4, 2, 4, 1], "nvimgcodec": [2]}


class Counting:
    """A decoder of the host whose pictures the kernels' wrappers can describe."""

    def __init__(self, inner, sizes: list[int]) -> None:
        self.name, self.most, self._inner, self._sizes = inner.name, 4, inner, sizes

    def decode(self, data):
        self._sizes.append(len(data))
        return [
            None if p is None else standin.device(np.array(p)) for p in self._inner.decode(data)
        ]


def _outcomes(ready, decoders):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(load, "kernel", lambda name, entry="": lambda *args: None)
        patch.setattr(memory, "free_outside_pool", lambda: 1 << 30)
        return decode.decode_ready(ready, PixelPlan(32, 32), decoders).outcomes


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
    pixels = np.asarray(found)
    assert pixels.shape == (90, 120, 3)
    assert (pixels[..., 0] == pixels[..., 2]).all()


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
    assert (found[:, :, None] == ids[:, None, :]).any(axis=1).mean() >= 0.99


@pytest.mark.parametrize("damage", ["missing", "cut", "foreign", "other-rows"])
def test_a_file_that_is_no_hnsw_index_is_refused(tmp_path, damage):
    pytest.importorskip("cuvs", reason="cuVS is not installed")
    from fastdup_gpu.gpu import hnsw

    file = tmp_path / "nnf.index.hnsw"
    head = np.array([0, 9, 9 if damage == "other-rows" else 20], np.uint64).tobytes()
    if damage != "missing":
        file.write_bytes({"cut": head[:9], "foreign": b"PK" * 40}.get(damage, head + b"x" * 30))
    with pytest.raises(FormatError, match="not a valid hnsw index"):
        hnsw.load(tmp_path / "nnf.index", clustered(20, 4), SearchPlan())


CUDA_PROVIDER = """
import ctypes
from pathlib import Path
from fastdup_gpu._onnxruntime import load_cuda_libraries, ort
load_cuda_libraries()
folder = Path(ort.__file__).parent / "capi"
ctypes.CDLL(folder / "libonnxruntime_providers_shared.so", ctypes.RTLD_GLOBAL)
try:
    ctypes.CDLL(folder / "libonnxruntime_providers_cuda.so")
except OSError as error:
    assert "libcuda.so.1" in str(error), error  # the driver's, which only a GPU machine has
ctypes.CDLL("libcudnn.so.9")
print("loaded")
"""


def test_what_the_cuda_provider_needs_is_found_in_packages():
    ort = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" not in ort.get_available_providers():
        pytest.skip("onnxruntime-gpu is not installed")
    command = [sys.executable, "-c", CUDA_PROVIDER]
    environment = {k: v for k, v in os.environ.items() if k != "LD_LIBRARY_PATH"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert done.stdout == "loaded\n", done.stderr
