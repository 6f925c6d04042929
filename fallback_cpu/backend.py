"""The CPU backend: onnxruntime, OpenCV, numpy, scipy, and hnswlib if it is installed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np

from fastdup_gpu._ordered import in_order
from fastdup_gpu.fallback_cpu import decode as _decode
from fastdup_gpu.fallback_cpu import graph, kmeans, neighbors, stats
from fastdup_gpu.fallback_cpu.decode import CpuBatch
from fastdup_gpu.fallback_cpu.embed import OnnxModel
from fastdup_gpu.pictures import quiet
from fastdup_gpu.protocol import (
    F32,
    F64,
    I64,
    Clusters,
    Encoded,
    Extracted,
    Index,
    ModelSpec,
    PixelPlan,
    SearchPlan,
)

# Batches waiting per thread: enough to keep threads busy while results are written, few enough that
# finished batches need little memory.
_AHEAD = 4
# Threads beyond the number requested: one is always waiting for the interpreter or the disk.
# Measured on 2 cores: one more gives 5 to 10 % more images per second, two more no further gain.
_SPARE = 1


class CpuBackend:
    """See fastdup_gpu.protocol.Backend."""

    name = "cpu"
    modes = neighbors.MODES
    batch_size = 8  # larger batches do not fit into the cache and are slower

    def open_model(self, spec: ModelSpec, *, batch_size: int = 0) -> OnnxModel:
        """Open an ONNX model, which runs batches of any size; raises ModelError saying what does
        not fit."""
        return OnnxModel(spec)

    def decode(self, encoded: Sequence[Encoded], plan: PixelPlan) -> CpuBatch:
        """Decode one batch."""
        with quiet:
            return _decode.decode(encoded, plan)

    def embed(self, model: OnnxModel, batch: CpuBatch) -> F32:
        """Features f32[n, dim] of the good images of a batch."""
        return model.embed(batch.model_pixels)

    def pixel_stats(self, batch: CpuBatch, *, advanced: bool) -> F64:
        """Statistics f64[n, m] of the good images of a batch."""
        return stats.pixel_stats(batch.stats_pixels, advanced=advanced)

    def extract(
        self,
        batches: Iterable[Sequence[Encoded]],
        plan: PixelPlan,
        model: OnnxModel,
        *,
        wanted: Literal["none", "basic", "advanced"],
        threads: int,
    ) -> Iterator[Extracted]:
        """decode, embed and pixel_stats, one batch per thread, results in order.

        Each thread does all three for its batch, so no data moves between threads and caches stay
        warm; onnxruntime, OpenCV and libjpeg-turbo all release the interpreter while they work.
        """

        def work(encoded: Sequence[Encoded]) -> Extracted:
            batch = _decode.decode(encoded, plan)
            features = self.embed(model, batch)
            if wanted == "none":
                return Extracted(batch.outcomes, features, np.zeros((len(features), 0)))
            numbers = self.pixel_stats(batch, advanced=wanted == "advanced")
            return Extracted(batch.outcomes, features, numbers)

        with quiet, ThreadPoolExecutor(threads + _SPARE, thread_name_prefix="extract") as pool:
            yield from in_order(
                lambda encoded: pool.submit(work, encoded), batches, threads * _AHEAD
            )

    def build_index(self, features: F32, plan: SearchPlan) -> Index:
        """An index over f32[n, d]."""
        return neighbors.build_index(features, plan)

    def load_index(
        self, path: Path, header: dict[str, Any], features: F32, plan: SearchPlan
    ) -> Index:
        """The index that Index.save wrote."""
        return neighbors.load_index(path, header, features, plan)

    def components(self, n: int, sources: I64, targets: I64) -> I64:
        """Weakly connected components, numbered by smallest member."""
        return graph.components(n, sources, targets)

    def pagerank(self, n: int, sources: I64, targets: I64, weights: F64) -> F64:
        """PageRank of the undirected graph."""
        return graph.pagerank(n, sources, targets, weights)

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
        """k-means++ and Lloyd iterations."""
        return kmeans.kmeans(
            features,
            clusters=clusters,
            iterations=iterations,
            nearest=nearest,
            seed=seed,
            threads=threads,
        )
