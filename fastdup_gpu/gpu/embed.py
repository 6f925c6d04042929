"""Opened models: images on the device -> features."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from fastdup_gpu.forms import check_dim
from fastdup_gpu.gpu import memory
from fastdup_gpu.gpu.engines import Engine, Lane, fill, open_engine
from fastdup_gpu.gpu.fetch import fetched
from fastdup_gpu.protocol import F32, ModelSpec

# Bytes that an image in flight needs at most in the engine, for each of its input pixels.
_BYTES_A_PIXEL = 400
_SHARE = 0.2  # of the free memory, for the activations of one lane


class GpuModel:
    """An engine, and one lane per thread. See fastdup_gpu.protocol.Embedder."""

    def __init__(self, spec: ModelSpec, device: int, batch: int) -> None:
        self.spec = spec
        side = (spec.height or 224) * (spec.width or 224)
        fits = int(memory.free_outside_pool() * _SHARE) // (side * _BYTES_A_PIXEL)
        if fits < batch:  # a power of two, so that the cache is not filled with ever new engines
            batch = 1 << (max(fits, 1).bit_length() - 1)
        self.engine: Engine = open_engine(spec, device, batch)
        self.runs_on = self.engine.name
        self.dim = check_dim(spec, self.engine.dim)
        self.height, self.width = self.engine.form.height, self.engine.form.width
        self._own = threading.local()

    def embed(self, pixels: Any) -> F32:
        """Features f32[n, dim] in host memory of u8[n, H, W, 3] RGB pixels on the device."""
        (features,) = fetched(self.features(pixels))
        found: F32 = features
        return found

    def features(self, pixels: Any) -> Any:
        """The same on the device, in order of CuPy's current stream.

        Every thread has its own lane, on the stream that is current at its first call; later calls
        of that thread have to be on the same stream.
        """
        import cupy

        lane = self._lane()
        out = cupy.empty((len(pixels), self.dim), np.float32)
        for start in range(0, len(pixels), lane.batch):
            part = pixels[start : start + lane.batch]
            fill(lane, self.engine.form, part)
            out[start : start + len(part)] = lane.run()[: len(part)]
        return _unit(out) if self.spec.normalize else out

    def prepare(self) -> None:
        """Run once on a black image, so that libraries load and choose algorithms in advance."""
        import cupy

        self.embed(cupy.zeros((1, self.height, self.width, 3), np.uint8))

    def _lane(self) -> Lane:
        if not hasattr(self._own, "lane"):
            self._own.lane = self.engine.lane()
        lane: Lane = self._own.lane
        return lane


def _unit(features: Any) -> Any:
    import cupy

    length = cupy.linalg.norm(features, axis=1, keepdims=True)
    return features / cupy.maximum(length, np.float32(1e-12))
