"""ONNX models: any layout (NCHW, NHWC), any input size, free or fixed batch."""

from __future__ import annotations

import numpy as np

from fastdup_gpu._errors import ModelError
from fastdup_gpu.fallback_cpu.engines import open_engine
from fastdup_gpu.protocol import F32, U8, ModelSpec

_FALLBACK_SIDE = 224


class OnnxModel:
    """See fastdup_gpu.protocol.Embedder; several threads may call `embed` at a time."""

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        self._engine = open_engine(spec)
        self.runs_on = self._engine.name
        self._read_shape(self._engine.shape)
        self.dim = self._measure_dim()

    def _read_shape(self, shape: tuple[int, ...]) -> None:
        if len(shape) != 4:
            raise ModelError(f"{self.spec.path.name} takes shape {shape}, expected 4 dimensions")
        self._channels_first = shape[1] == 3 or (shape[3] != 3 and shape[1] != 1)
        height, width = shape[2:] if self._channels_first else shape[1:3]
        self._batch = shape[0]
        self.height = height or self.spec.height or _FALLBACK_SIDE
        self.width = width or self.spec.width or _FALLBACK_SIDE

    def _measure_dim(self) -> int:
        try:
            dim = self._run(np.zeros((1, self.height, self.width, 3), np.uint8)).shape[1]
        except Exception as error:  # engines raise errors of many kinds
            raise ModelError(f"{self.spec.path.name} cannot run: {error}") from error
        if dim != self.spec.dim:
            raise ModelError(
                f"{self.spec.path.name} gives {dim} numbers a picture, d={self.spec.dim} was "
                f"asked for; pass d={dim}"
            )
        return int(dim)

    def embed(self, pixels: U8) -> F32:
        """Features f32[n, dim] of u8[n, H, W, 3] RGB pixels, fed as 0..255."""
        if not len(pixels):
            return np.zeros((0, self.dim), np.float32)
        features = self._run(pixels)
        return _unit(features) if self.spec.normalize else features

    def _run(self, pixels: U8) -> F32:
        if not self._batch or len(pixels) == self._batch:
            return self._run_batch(pixels)
        parts = []
        for start in range(0, len(pixels), self._batch):
            part = pixels[start : start + self._batch]
            padded = np.zeros((self._batch, *part.shape[1:]), np.uint8)
            padded[: len(part)] = part
            parts.append(self._run_batch(padded)[: len(part)])
        return np.concatenate(parts)

    def _run_batch(self, pixels: U8) -> F32:
        ordered = pixels.transpose(0, 3, 1, 2) if self._channels_first else pixels
        return self._engine.run(np.ascontiguousarray(ordered, dtype=self._engine.dtype))


def _unit(features: F32) -> F32:
    length = np.linalg.norm(features, axis=1, keepdims=True)
    unit: F32 = features / np.maximum(length, np.float32(1e-12))
    return unit
