"""ONNX models on onnxruntime: any layout (NCHW, NHWC), any input size, free or fixed batch."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort

from fastdup_gpu._errors import ModelError
from fastdup_gpu.protocol import F32, U8, ModelSpec

_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}
_FALLBACK_SIDE = 224


class OnnxModel:
    """One onnxruntime session on one thread; several threads may call `embed` at a time.

    One thread a session and several callers measure faster than one caller and a threaded
    session (docs/model-card.md).
    """

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        self._session = _open_session(spec)
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            raise ModelError(f"{spec.path.name} takes {len(inputs)} inputs, expected one: pictures")
        self._name = inputs[0].name
        self._dtype = _TYPES.get(inputs[0].type)
        if self._dtype is None:
            raise ModelError(
                f"{spec.path.name} takes {inputs[0].type}, expected float, float16 or uint8"
            )
        self._read_shape(inputs[0].shape)
        self.dim = self._measure_dim()

    def _read_shape(self, shape: list[int | str | None]) -> None:
        if len(shape) != 4:
            raise ModelError(f"{self.spec.path.name} takes shape {shape}, expected 4 dimensions")
        self._channels_first = shape[1] == 3 or (shape[3] != 3 and shape[1] != 1)
        height, width = shape[2:] if self._channels_first else shape[1:3]
        self._batch = shape[0] if isinstance(shape[0], int) and shape[0] > 0 else 0
        self.height = _side(height, self.spec.height)
        self.width = _side(width, self.spec.width)

    def _measure_dim(self) -> int:
        try:
            dim = self._run(np.zeros((1, self.height, self.width, 3), np.uint8)).shape[1]
        except ModelError:
            raise
        except Exception as error:  # onnxruntime raises errors of many kinds
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
        fed = np.ascontiguousarray(ordered, dtype=self._dtype)
        (first, *_) = self._session.run(None, {self._name: fed})
        return np.asarray(first).reshape(len(pixels), -1).astype(np.float32, copy=False)


def _open_session(spec: ModelSpec) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(str(spec.path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises errors of many kinds
        raise ModelError(f"{spec.path} cannot be opened as an ONNX model: {error}") from error


def _side(of_file: int | str | None, of_spec: int) -> int:
    return of_file if isinstance(of_file, int) and of_file > 0 else of_spec or _FALLBACK_SIDE


def _unit(features: F32) -> F32:
    length = np.linalg.norm(features, axis=1, keepdims=True)
    unit: F32 = features / np.maximum(length, np.float32(1e-12))
    return unit
