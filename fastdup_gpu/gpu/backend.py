"""The GPU backend: nvImageCodec or DALI, TensorRT or onnxruntime, cuVS, cuGraph, our kernels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from fastdup_gpu._errors import BackendUnavailable, FastdupError
from fastdup_gpu.gpu import decode as _decode
from fastdup_gpu.gpu import devices, graph, kmeans, memory, neighbors, probe, rehearsal, stats
from fastdup_gpu.gpu.decode import GpuBatch
from fastdup_gpu.gpu.devices import OnDevice
from fastdup_gpu.gpu.embed import GpuModel
from fastdup_gpu.gpu.fetch import fetched
from fastdup_gpu.gpu.lanes import in_lanes
from fastdup_gpu.gpu.ready import Ready
from fastdup_gpu.pictures import quiet
from fastdup_gpu.protocol import (
    F32,
    F64,
    I64,
    STATS_SIDE,
    Clusters,
    Encoded,
    Extracted,
    Index,
    ModelSpec,
    PixelPlan,
    SearchPlan,
)

_THREADS = 8  # of the host, for a single batch


class GpuBackend:
    """See fastdup_gpu.protocol.Backend.

    `device`: number of the GPU among the visible ones. `decoder`: 'nvimgcodec', or 'dali', whose
    batches are passed to nvImageCodec if DALI fails. Raises BackendUnavailable naming what is
    missing.
    """

    name = "gpu"
    modes = neighbors.MODES
    batch_size = 128

    def __init__(
        self,
        *,
        device: int = 0,
        decoder: _decode.Name = "nvimgcodec",
    ) -> None:
        probe.require(decoder=decoder, device=device)
        probe.wake(device)
        self.device = _opened(device)
        self._decoders = _decode.Decoders(decoder, self.device, self.batch_size)

    def open_model(self, spec: ModelSpec, *, batch_size: int = 0) -> GpuModel:
        """Open an ONNX model by spec.engine: 'auto', 'tensorrt', 'tensorrt_rtx' or 'onnxruntime';
        raises ModelError saying what does not fit."""
        devices.use(self.device)
        search = partial(rehearsal.search, spec.dim)
        pictures = [self.rehearse_pictures] if self._decoders.shared else []
        rehearsal.rehearse(self.device, "pictures", *pictures, search)
        model = GpuModel(spec, self.device, batch_size or self.batch_size)
        rehearsal.rehearse(self.device, "model", model.prepare)
        return model

    def decode(self, encoded: Sequence[Encoded], plan: PixelPlan) -> GpuBatch:
        """Decode one batch."""
        devices.use(self.device)
        with quiet, ThreadPoolExecutor(_THREADS) as pool:
            return _decode.decode(encoded, plan, self._decoders.of_thread(), pool)

    def embed(self, model: GpuModel, batch: GpuBatch) -> F32:
        """Features f32[n, dim] of the good images of a batch."""
        devices.use(self.device)
        return model.embed(batch.model_pixels)

    def pixel_stats(self, batch: GpuBatch, *, advanced: bool) -> F64:
        """Statistics f64[n, m] of the good images of a batch."""
        devices.use(self.device)
        numbers: F64 = fetched(_stats(batch, advanced=advanced))[0]
        return numbers

    def extract(
        self,
        batches: Iterable[Sequence[Encoded]],
        plan: PixelPlan,
        model: GpuModel,
        *,
        wanted: Literal["none", "basic", "advanced"],
        threads: int,
    ) -> Iterator[Extracted]:
        """decode, embed and pixel_stats, several batches in flight, results in order."""

        def prepare() -> None:
            model.prepare()
            self._decoders.of_thread()

        def work(ready: Sequence[Ready]) -> Extracted:
            parts = memory.halving(
                len(ready), len(ready), lambda rows: self._extract(ready[rows], plan, model, wanted)
            )
            return _joined([part for _, part in parts], model.dim)

        with quiet:
            yield from in_lanes(batches, plan, threads, self.device, prepare, work)

    def rehearse_pictures(self) -> None:
        """Decode a few images and take their statistics."""
        batch = self.decode(rehearsal.some_pictures(), PixelPlan(STATS_SIDE, STATS_SIDE))
        self.pixel_stats(batch, advanced=False)

    def build_index(self, features: F32, plan: SearchPlan) -> Index:
        """An index over f32[n, d]."""
        devices.use(self.device)
        rehearsal.rehearse(self.device, "graphs", rehearsal.graphs)
        return OnDevice(neighbors.build_index(features, plan), self.device)

    def load_index(
        self, path: Path, header: dict[str, Any], features: F32, plan: SearchPlan
    ) -> Index:
        """The index that Index.save wrote."""
        devices.use(self.device)
        return OnDevice(neighbors.load_index(path, header, features, plan), self.device)

    def components(self, n: int, sources: I64, targets: I64) -> I64:
        """Weakly connected components, numbered by smallest member."""
        devices.use(self.device)
        return graph.components(n, sources, targets)

    def pagerank(self, n: int, sources: I64, targets: I64, weights: F64) -> F64:
        """PageRank of the undirected graph."""
        devices.use(self.device)
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
        devices.use(self.device)
        return kmeans.kmeans(
            features, clusters=clusters, iterations=iterations, nearest=nearest, seed=seed
        )

    def _extract(
        self, ready: Sequence[Ready], plan: PixelPlan, model: GpuModel, wanted: str
    ) -> Extracted:
        """On CuPy's current stream, with one synchronisation at the end."""
        import cupy

        try:
            batch = _decode.decode_ready(ready, plan, self._decoders.of_thread())
            features = model.features(batch.model_pixels)
            if wanted == "none":
                (copied,) = fetched(features)
                return Extracted(batch.outcomes, copied, np.zeros((len(copied), 0)))
            numbers = _stats(batch, advanced=wanted == "advanced")
            return Extracted(batch.outcomes, *fetched(features, numbers))
        except Exception:  # its traceback holds the images, which are read until the stream is done
            cupy.cuda.get_current_stream().synchronize()
            raise


def _opened(device: int) -> int:
    """The device, current, with its memory pool; CUDA's own errors as BackendUnavailable."""
    try:
        return memory.open_device(device)
    except (FastdupError, ImportError):
        raise
    except Exception as error:  # CuPy and RMM raise their own errors
        raise BackendUnavailable(
            f"compute='gpu' cannot open GPU {device}: {type(error).__name__}: {error}"
        ) from error


def _stats(batch: GpuBatch, *, advanced: bool) -> Any:
    return stats.pixel_stats(batch.stats_pixels, batch.heights, batch.widths, advanced=advanced)


def _joined(parts: list[Extracted], dim: int) -> Extracted:
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return Extracted([], np.zeros((0, dim), np.float32), np.zeros((0, 0)))
    outcomes = [outcome for part in parts for outcome in part.outcomes]
    features = np.concatenate([part.features for part in parts])
    return Extracted(outcomes, features, np.concatenate([part.stats for part in parts]))
