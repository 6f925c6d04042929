"""ONNX models: any layout (NCHW, NHWC), any input size, free or fixed batch."""

from __future__ import annotations

import numpy as np

from fastdup_gpu._errors import ModelError
from fastdup_gpu.fallback_cpu.engines import open_engine
from fastdup_gpu.forms import check_dim
from fastdup_gpu.protocol import F32, U8, ModelSpec


class OnnxModel:
    """See fastdup_gpu.protocol.Embedder; several threads may call `embed` at a time."""

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        self._engine = open_engine(spec)
        self.runs_on = self._engine.name
        self._form = self._engine.form
        self.height, self.width = self._form.height, self._form.width
        self.dim = check_dim(spec, self._measure_dim())

    def _measure_dim(self) -> int:
        try:
            return len(self._run(np.zeros((1, self.height, self.width, 3), np.uint8))[0])
        except Exception as error:  # engines raise errors of many kinds
            raise ModelError(f"{self.spec.path.name} cannot run: {error}") from error

    def embed(self, pixels: U8) -> F32:
        """Features f32[n, dim] of u8[n, H, W, 3] RGB pixels, fed as 0..255."""
        if not len(pixels):
            return np.zeros((0, self.dim), np.float32)
        features = self._run(pixels)
        return _unit(features) if self.spec.normalize else features

    def _run(self, pixels: U8) -> F32:
        if not self._form.batch or len(pixels) == self._form.batch:
            return self._run_batch(pixels)
        parts = []
        for start in range(0, len(pixels), self._form.batch):
            part = pixels[start : start + self._form.batch]
            padded = np.zeros((self._form.batch, *part.shape[1:]), np.uint8)
            padded[: len(part)] = part
            parts.append(self._run_batch(padded)[: len(part)])
        return np.concatenate(parts)

    def _run_batch(self, pixels: U8) -> F32:
        ordered = pixels.transpose(0, 3, 1, 2) if self._form.channels_first else pixels
        return self._engine.run(np.ascontiguousarray(ordered, dtype=self._form.dtype))


def _unit(features: F32) -> F32:
    length = np.linalg.norm(features, axis=1, keepdims=True)
    unit: F32 = features / np.maximum(length, np.float32(1e-12))
    return unit
