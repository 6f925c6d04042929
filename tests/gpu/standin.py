"""numpy in the place of cupy and of the GPU libraries, for everything of the backend but speed.

What runs on these stand-ins is the backend's own logic. That the calls it makes exist in the
real packages is the business of test_gpu_signatures.py.
"""

from __future__ import annotations

import io
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image, ImageOps
from scipy.sparse import coo_array, csgraph
from scipy.spatial.distance import cdist

from fastdup_gpu.indexing import hnsw_file


class Array(np.ndarray):
    """A numpy array with what cupy arrays have beside."""

    @property
    def data(self) -> Any:
        return SimpleNamespace(ptr=self.ctypes.data)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        about = self.__array_interface__
        return {**about, "strides": self.strides, "version": 3}

    def get(self, out: np.ndarray | None = None, blocking: bool = True) -> np.ndarray:
        if out is None:
            return host(self)
        out[...] = self
        return out


def host(value: Any) -> np.ndarray:
    return np.array(value).view(np.ndarray)


def device(value: Any) -> Any:
    return value.view(Array) if isinstance(value, np.ndarray) else value


def on_device(function: Any) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        with np.errstate(all="ignore"):
            out = function(*args, **kwargs)
        return tuple(map(device, out)) if isinstance(out, tuple) else device(out)

    return call


class Stream:
    """Work is done at once, so a stream has nothing to wait for."""

    ptr = 0

    def __init__(self, **_: Any) -> None: ...

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None: ...

    def synchronize(self) -> None: ...

    def record(self) -> None: ...

    def wait_event(self, event: object) -> None: ...


class Cupy(ModuleType):
    """numpy's functions, giving `Array`s; `free` is the device memory it claims to have."""

    def __init__(self, free: int = 1 << 30) -> None:
        super().__init__("cupy")
        self.free = free
        runtime = SimpleNamespace(
            memGetInfo=lambda: (self.free, 2 << 30),
            getDevice=lambda: 0,
            getDeviceCount=lambda: 1,
            deviceGetDefaultMemPool=lambda device: 0,
            memPoolSetAttribute=lambda pool, attribute, value: None,
            cudaMemPoolAttrReleaseThreshold=4,
            cudaMemPoolReuseFollowEventDependencies=1,
            cudaMemPoolReuseAllowInternalDependencies=3,
            getDeviceProperties=lambda _: {"name": b"stand-in", "major": 9, "minor": 0},
        )
        self.cuda = SimpleNamespace(
            runtime=runtime,
            Stream=Stream,
            Device=lambda number: SimpleNamespace(use=lambda: None),
            get_current_stream=Stream,
            alloc_pinned_memory=bytearray,
        )
        self.asnumpy = host
        self.ndarray = Array

    def matmul(self, a: Any, b: Any) -> Any:
        """fp16 products are added in float32, as by cuBLAS; numpy's own loop is slow besides."""
        half = np.float16 in (a.dtype, b.dtype)
        wide = (host(x).astype(np.float32) if half else host(x) for x in (a, b))
        with np.errstate(all="ignore"):
            found = np.matmul(*wide)
        return device(found.astype(np.float16) if half else found)

    def __getattr__(self, name: str) -> Any:
        found = getattr(np, name)
        plain = isinstance(found, type | ModuleType) or not callable(found)
        return found if plain else on_device(found)


def row_topk(grid: Any, block: Any, args: tuple[Any, ...]) -> None:
    """The kernel's result by numpy's sort; the kernel itself is run in tests/kernels, slowly."""
    scores, _, columns, first, k, best = args
    part = host(scores)[:, : int(columns)] + np.float16(0)  # -0 as 0, which the kernel tells apart
    order = np.argsort(-part.astype(np.float32), axis=1, kind="stable")[:, : int(k)]
    bits = np.take_along_axis(part, order, 1).view(np.uint16).astype(np.uint64)
    rising = np.where(bits & 0x8000, 0xFFFF ^ bits, 0x8000 | bits)
    keys = rising << 32 | (0xFFFFFFFF - (order + int(first))).astype(np.uint64)
    both = np.concatenate([host(best), keys], axis=1)
    best[...] = -np.sort(-both.view(np.int64), axis=1)[:, : int(k)].view(np.uint64)


def nearest(queries: Any, rows: Any, metric: str, k: int) -> tuple[Any, Any]:
    """As cuVS: equal distances in no order of id, and what overflows is far."""
    q, b = (np.asarray(a, np.float32) for a in (queries, rows))
    if metric == "inner_product":
        gaps = -(q @ b.T)
    else:
        gaps = cdist(q.astype(float), b.astype(float), metric).astype(np.float32)
    gaps = np.nan_to_num(gaps, nan=3e38)
    turned = gaps[:, ::-1]
    places = np.argpartition(turned, k - 1, axis=1)[:, :k]
    order = np.argsort(np.take_along_axis(turned, places, axis=1), axis=1)
    places = gaps.shape[1] - 1 - np.take_along_axis(places, order, axis=1)
    best = np.take_along_axis(gaps, places, axis=1)
    return device(-best if metric == "inner_product" else best), device(places)


class Resources:
    def __init__(self, stream: int = 0) -> None: ...

    def sync(self) -> None: ...


class BruteForce(ModuleType):
    def build(self, dataset: Any, metric: str, resources: Any) -> Any:
        assert dataset.flags.c_contiguous
        return dataset, metric

    def search(self, index: Any, queries: Any, k: int, resources: Any) -> tuple[Any, Any]:
        rows, metric = index
        assert queries.dtype == rows.dtype and queries.flags.c_contiguous and k <= len(rows)
        return nearest(queries, rows, metric, k)


class Index:
    """An approximate index that answers exactly, so that what goes wrong is not its doing."""

    def __init__(self, rows: Any = None, metric: str = "", lists: int = 1) -> None:
        self.rows, self.metric = rows, metric
        self.lists = lists

    @property
    def n_lists(self) -> int:
        return self.lists

    @property
    def centers(self) -> Any:
        return device(self.rows[: self.lists])


class Approximate(ModuleType):
    """ivf_flat, ivf_pq, cagra, hnsw: the functions that the backend calls."""

    Index = Index

    def IndexParams(self, **given: Any) -> Any:
        return SimpleNamespace(**given)

    SearchParams = IndexParams

    def build(self, params: Any, dataset: Any, resources: Any) -> Index:
        return Index(host(dataset), params.metric, getattr(params, "n_lists", 1))

    def search(self, params: Any, index: Index, queries: Any, k: int, resources: Any) -> Any:
        assert getattr(params, "n_probes", 1) <= index.lists
        assert k <= getattr(params, "itopk_size", k) <= 512
        return nearest(queries, index.rows, index.metric, k)

    def save(
        self, filename: str, index: Index, include_dataset: bool = True, resources: Any = None
    ) -> None:
        with Path(filename).open("wb") as out:
            np.savez(out, rows=index.rows, metric=index.metric, lists=index.lists)

    def _read(self, filename: str) -> Index:
        stored = np.load(io.BytesIO(Path(filename).read_bytes()))
        return Index(stored["rows"], str(stored["metric"]), int(stored["lists"]))


class Ivf(Approximate):
    def load(self, filename: str, resources: Any) -> Index:
        return self._read(filename)


class Cagra(Approximate):
    def load(self, index: Index, filename: str, resources: Any) -> None:
        stored = self._read(filename)
        index.rows, index.metric = None, stored.metric

    def update_dataset(self, index: Index, dataset: Any, resources: Any) -> None:
        index.rows = host(dataset)


class Hnsw(Approximate):
    def from_cagra(self, params: Any, index: Index, resources: Any) -> Index:
        return Index(index.rows, params.metric)

    def save(self, filename: str, index: Index, resources: Any = None) -> None:
        """A file of hnswlib's, whose graph has no links."""
        n, d = index.rows.shape
        table = np.zeros(n, _row(d))
        table["numbers"], table["label"] = index.rows, np.arange(n)
        sizes = n, table.itemsize, table.itemsize - 8, 8, 0, 0, 1, 1, 1, 1.0, 1
        head = np.array([(0, n, *sizes)], hnsw_file.HEADER)
        levels = np.zeros(n, "<u4")
        Path(filename).write_bytes(head.tobytes() + table.tobytes() + levels.tobytes())

    def load(
        self, params: Any, filename: str, dim: int, dtype: Any, metric: str, resources: Any
    ) -> Index:
        data = Path(filename).read_bytes()
        n = np.frombuffer(data, hnsw_file.HEADER, 1)["rows"].item()
        return Index(
            np.frombuffer(data, _row(dim), n, hnsw_file.HEADER.itemsize)["numbers"], metric
        )


def _row(d: int) -> np.dtype:
    """Of the lowest level: a number of links, room for one, a row's values, its label."""
    return np.dtype([("links", "<u4", 2), ("numbers", "<f4", d), ("label", "<u8")])


class NnDescent(Approximate):
    def build(self, params: Any, dataset: Any, resources: Any) -> Any:
        places = nearest(dataset, dataset, params.metric, params.graph_degree)[1]
        return SimpleNamespace(graph=host(places).astype(np.uint32))


def cuvs() -> dict[str, ModuleType]:
    top, common = ModuleType("cuvs"), ModuleType("cuvs.common")
    neighbors = ModuleType("cuvs.neighbors")
    top.__version__ = "26.10.0"  # type: ignore[attr-defined]
    common.Resources = Resources  # type: ignore[attr-defined]
    common.make_device_padded_dataset = lambda rows, resources: rows  # type: ignore[attr-defined]
    kinds = {
        "brute_force": BruteForce,
        "ivf_flat": Ivf,
        "ivf_pq": Ivf,
        "cagra": Cagra,
        "hnsw": Hnsw,
        "nn_descent": NnDescent,
    }
    for name, kind in kinds.items():
        setattr(neighbors, name, kind(f"cuvs.neighbors.{name}"))
    return {m.__name__: m for m in (top, common, neighbors)}


class Graph:
    """Of cuGraph: edges, and vertices in an order of cuGraph's own."""

    def __init__(
        self, handle: Any, properties: Any, sources: Any, targets: Any, **given: Any
    ) -> None:
        self.vertices = host(given["vertices_array"])[::-1]
        self.sources, self.targets = host(sources), host(targets)
        self.weights = given["weight_array"]


def _components(handle: Any, graph: Graph, *_: Any) -> tuple[Any, Any]:
    n = len(graph.vertices)
    ones = np.ones(len(graph.sources))
    matrix = coo_array((ones, (graph.sources, graph.targets)), shape=(n, n))
    labels = csgraph.connected_components(matrix, directed=False)[1]
    return device(graph.vertices), device((labels * 7 % 1009 + labels)[graph.vertices])


def _pagerank(
    handle: Any, graph: Graph, a: Any, b: Any, c: Any, d: Any,
    alpha: float, epsilon: float, rounds: int, check: bool, fail: bool,
) -> tuple[Any, Any, bool]:  # fmt: skip
    n = len(graph.vertices)
    ends = graph.sources, graph.targets
    matrix = coo_array((host(graph.weights), ends), shape=(n, n)).toarray()
    degree = matrix.sum(axis=1)
    walk = np.where(degree > 0, matrix.T / np.where(degree > 0, degree, 1), 1 / n)
    ranks = np.linalg.solve(np.eye(n) - alpha * walk, np.full(n, (1 - alpha) / n))
    return device(graph.vertices), device(ranks[graph.vertices]), True


def pylibcugraph() -> ModuleType:
    module = ModuleType("pylibcugraph")
    module.ResourceHandle = object  # type: ignore[attr-defined]
    module.GraphProperties = lambda **given: given  # type: ignore[attr-defined]
    module.SGGraph = Graph  # type: ignore[attr-defined]
    module.weakly_connected_components = _components  # type: ignore[attr-defined]
    module.pagerank = _pagerank  # type: ignore[attr-defined]
    return module


class NvImage(ModuleType):
    """nvImageCodec: decodes by Pillow, gives None for what that refuses."""

    ColorSpec = SimpleNamespace(SRGB=1)
    SampleFormat = SimpleNamespace(I_RGB=1)
    BackendKind = SimpleNamespace(CPU_ONLY=1, GPU_ONLY=2, HYBRID_CPU_GPU=3, HW_GPU_ONLY=4)

    LoadHintPolicy = SimpleNamespace(FIXED=2)

    def Backend(self, kind: int, *_: Any) -> int:
        return kind

    def DecodeParams(self, **given: Any) -> Any:
        return SimpleNamespace(**given)

    def CodeStream(self, data: Any) -> Any:
        return data

    def Decoder(self, **_: Any) -> Any:
        return SimpleNamespace(decode=self._decode)

    def _decode(self, streams: list[bytes], *, params: Any, cuda_stream: int = 0) -> list[Any]:
        return [self._one(data) for data in streams]

    def _one(self, data: bytes) -> Any:
        try:
            with Image.open(io.BytesIO(data)) as image:
                return device(np.array(ImageOps.exif_transpose(image).convert("RGB")))
        except Exception:  # Pillow raises errors of many kinds
            return None


def modules(free: int = 1 << 30) -> dict[str, ModuleType]:
    """Everything, by the name under which it is imported."""
    nvidia = ModuleType("nvidia")
    nvidia.nvimgcodec = NvImage("nvidia.nvimgcodec")  # type: ignore[attr-defined]
    found = {
        "cupy": Cupy(free),
        "pylibcugraph": pylibcugraph(),
        "nvidia": nvidia,
        "nvidia.nvimgcodec": nvidia.nvimgcodec,
    }
    return {**found, **cuvs()}
