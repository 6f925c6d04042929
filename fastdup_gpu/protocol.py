"""The interface of backends: their functions, and the value types that are passed to and fro.

Stages know nothing below this interface; backends (`fallback_cpu`, `fastdup_gpu.gpu`) know nothing
above it. A backend is opened by `fastdup_gpu._registry.open_backend` and used by one thread at
a time, except that it may call `Encoded.load` from its own threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]

Metric = Literal["cosine", "euclidean", "l1", "linf", "canberra", "braycurtis", "jensenshannon"]
METRICS: tuple[Metric, ...] = (
    "cosine",
    "euclidean",
    "l1",
    "linf",
    "canberra",
    "braycurtis",
    "jensenshannon",
)
SearchMode = Literal["auto", "flat", "hnsw", "ivf", "ivfpq", "cagra", "nndescent"]
STATS_SIDE = 224
MIN_SIDE = 10


class Status(StrEnum):
    """Why an image was refused; the value is the `error_code` in the csv of bad files."""

    OK = ""
    TOO_SMALL = "ERROR_IMAGE_TOO_SMALL"
    CORRUPT = "ERROR_CORRUPT_IMAGE"
    ZERO_SIZE = "ERROR_ZERO_SIZE_FILE"
    MISSING = "ERROR_MISSING_FILE"
    UNREADABLE = "ERROR_UNREADABLE_FILE"
    UNSUPPORTED = "ERROR_UNSUPPORTED_FORMAT"
    TOO_LARGE = "ERROR_IMAGE_TOO_LARGE"
    FILE_TOO_SMALL = "ERROR_FILE_TOO_SMALL"


@dataclass(eq=False)
class Refused(Exception):
    """Raised for an image that cannot be used, with the status and the reason for the bad files.

    `pixels`: the number of pixels stated in its header, if that is the reason.
    """

    status: Status
    detail: str
    pixels: int = 0


@dataclass(frozen=True, slots=True)
class Encoded:
    """One image before decoding.

    `index` is its position in the input list. `load` returns the encoded bytes or raises OSError,
    is called at most once, and may be called from any thread. `path`: the plain file that `load`
    reads, or ""; a backend may read that file instead.
    """

    index: int
    load: Callable[[], bytes]
    path: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one `Encoded`: its size in pixels after EXIF orientation, or why it failed."""

    index: int
    status: Status
    width: int = 0
    height: int = 0
    file_size: int = -1
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PixelPlan:
    """How each image is decoded (design decision 3).

    `model_height` x `model_width`: the model's input, by antialiased area resize.
    `max_pixels`: an image whose header states more is refused as TOO_LARGE before it is decoded
    (the default is Pillow's limit for decompression bombs).
    `min_file_size`: bytes; a smaller file is refused as FILE_TOO_SMALL (0 = any size).
    """

    model_height: int
    model_width: int
    max_pixels: int = 178_956_970
    min_file_size: int = 0


class Batch(Protocol):
    """Decoded images in the backend's own memory, opaque to stages.

    `outcomes` has one entry per `Encoded`, in order; the images that are OK, in the same order, are
    the rows of whatever is computed from the batch.
    """

    outcomes: Sequence[Outcome]


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model file and its known properties; `height`/`width` 0 = read from the file.

    `precision` is 'file' for a user's own model. `engine`: what runs it; 'auto' = the fastest
    engine that the backend finds installed.
    """

    path: Path
    dim: int
    height: int = 0
    width: int = 0
    normalize: bool = False
    precision: str = "file"
    sha256: str = ""
    engine: str = "auto"

    @property
    def built_in(self) -> bool:
        """Whether the file comes with the package."""
        return self.precision != "file"


class Embedder(Protocol):
    """An opened model. `spec`: of what it was opened; `height`, `width`: pixels of its input;
    `dim`: length of its output; `runs_on`: the engine that was opened."""

    spec: ModelSpec
    height: int
    width: int
    dim: int
    runs_on: str


@dataclass(frozen=True, slots=True)
class Extracted:
    """Host results of one batch: `features` f32[n, dim], `stats` f64[n, m], n = number of OK."""

    outcomes: Sequence[Outcome]
    features: F32
    stats: F64


@dataclass(frozen=True, slots=True)
class Neighbors:
    """`ids` i64[n, k] rows of the base set, best first; `scores` f32[n, k].

    Scores are cosine similarities for metric 'cosine' and distances otherwise. If fewer than k
    neighbours exist, the row is padded with id -1 and score nan. Equal scores are ordered by id.
    `recall`: 1 for an exhaustive search, otherwise measured against one on a sample (nan if not
    measured).
    """

    ids: I64
    scores: F32
    recall: float = 1.0


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """How to search for neighbours.

    `mode`: 'auto' (the backend decides by size), 'flat', 'hnsw', 'ivf', and on the GPU 'ivfpq',
    'cagra', 'nndescent'; a backend refuses those that it does not support. `links`: M of HNSW.
    `clusters`, `iterations`: of the k-means of IVF. `threads`: 0 = all cores. `seed`: of all random
    draws.
    """

    metric: Metric = "cosine"
    mode: SearchMode = "auto"
    links: int = 32
    clusters: int = 0
    iterations: int = 20
    threads: int = 0
    seed: int = 0


class Index(Protocol):
    """A searchable base set. `kind`: 'flat', 'hnsw', 'ivf', on the GPU also 'ivfpq', 'cagra' and
    'nndescent'."""

    kind: str

    def search(self, queries: F32, k: int, *, exclude_self: bool = False) -> Neighbors:
        """The k best base rows of every query, f32[m, d].

        With `exclude_self`, query i is base row i, and id i is excluded from its own result.
        """
        ...

    def save(self, path: Path) -> dict[str, Any]:
        """Write what `Backend.load_index` needs in addition to the features; returns header
        fields."""
        ...


@dataclass(frozen=True, slots=True)
class Clusters:
    """k-means result: `centroids` f32[c, d]; `ids` i64[n, k] nearest centroids, nearest first;
    `distances` f32[n, k] squared L2."""

    centroids: F32
    ids: I64
    distances: F32


class Backend(Protocol):
    """The functions behind a `compute=` choice, the same in every backend."""

    name: str
    batch_size: int
    """Images per batch that measure fastest, used unless the caller chooses."""
    modes: Sequence[SearchMode]
    """The modes of a SearchPlan that it can build an index for."""

    def open_model(self, spec: ModelSpec, *, batch_size: int = 0) -> Embedder:
        """Open an ONNX model; raises ModelError, which names what does not fit.

        `batch_size`: how many images it will be given at a time, 0 = the backend's `batch_size`.
        """
        ...

    def decode(self, encoded: Sequence[Encoded], plan: PixelPlan) -> Batch:
        """Decode one batch; a bad image does not affect the others."""
        ...

    def embed(self, model: Embedder, batch: Batch) -> F32:
        """Features of the good images of a batch, f32[n, dim]."""
        ...

    def pixel_stats(self, batch: Batch, *, advanced: bool) -> F64:
        """Statistics f64[n, m], columns in the order of `formats.names.PIXEL_STATS` (or with
        `advanced` of `formats.names.PIXEL_STATS_ADVANCED`)."""
        ...

    def extract(
        self,
        batches: Iterable[Sequence[Encoded]],
        plan: PixelPlan,
        model: Embedder,
        *,
        wanted: Literal["none", "basic", "advanced"],
        threads: int,
    ) -> Iterator[Extracted]:
        """decode, embed and pixel_stats over many batches, overlapped, with results in order.

        `wanted`: the statistics to compute. `threads`: threads of the host. Takes batches as
        needed and holds only a bounded number of them.
        """
        ...

    def build_index(self, features: F32, plan: SearchPlan) -> Index:
        """An index over f32[n, d] (may be a memory map); the rows are not copied if that can be
        avoided. Modes 'flat' and 'auto' support every metric of METRICS, the others cosine and
        euclidean."""
        ...

    def load_index(
        self, path: Path, header: dict[str, Any], features: F32, plan: SearchPlan
    ) -> Index:
        """The index that `Index.save` wrote; raises FormatError if it does not fit the features."""
        ...

    def components(self, n: int, sources: I64, targets: I64) -> I64:
        """Weakly connected components of n vertices: i64[n], numbered 0, 1, ... in order of
        each component's smallest member."""
        ...

    def pagerank(self, n: int, sources: I64, targets: I64, weights: F64) -> F64:
        """PageRank f64[n] (sum 1) of the undirected graph, damping 0.85."""
        ...

    def kmeans(
        self,
        features: F32,
        *,
        clusters: int,
        iterations: int,
        nearest: int,
        seed: int,
        threads: int = 0,
    ) -> Clusters:
        """k-means++ and Lloyd iterations on f32[n, d], squared L2; `threads` of the host, 0 = one
        per core."""
        ...
