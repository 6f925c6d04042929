"""ONNX models on onnxruntime's CUDA provider, with inputs and outputs bound to device memory."""

from __future__ import annotations

import ctypes
import math
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastdup_gpu._errors import BackendUnavailable
from fastdup_gpu._onnxruntime import (
    CUDA,
    ERRORS,
    cuda_settings,
    load_cuda_libraries,
    open_session,
    ort,
)
from fastdup_gpu.forms import numpy_name, read_form
from fastdup_gpu.protocol import ModelSpec

PROVIDER = CUDA
DEVICE = "cuda"
_CUDNN = "libcudnn.so.9"


class OrtCudaEngine:
    """A model for onnxruntime. See engines.Engine."""

    name = "onnxruntime"

    def __init__(self, spec: ModelSpec, model: bytes, device: int, batch: int) -> None:
        if PROVIDER not in ort.get_available_providers():
            raise BackendUnavailable(
                f"engine='onnxruntime' needs onnxruntime with the {PROVIDER}; this one has "
                f"{', '.join(ort.get_available_providers())}: pip uninstall onnxruntime, then "
                "pip install 'fastdup-gpu[cu13]' (or [cu12])"
            )
        load_cuda_libraries()
        # Version 1.31 warns on stderr, at every session, about a plugin that it does not need.
        ort.set_default_logger_severity(ERRORS)
        self._spec, self._model, self._device = spec, model, device
        session = self.open_session(0)
        inputs = [(i.name, numpy_name(i.type), tuple(i.shape)) for i in session.get_inputs()]
        self.form = read_form(spec, inputs)
        self.batch = self.form.batch or batch
        output = session.get_outputs()[0]
        self.output, self.output_kind = output.name, numpy_name(output.type)
        self.sides = _declared_sides(output.shape) or self._measured_sides(session)
        self.dim = math.prod(self.sides)

    def lane(self) -> OrtCudaLane:
        """A separate session on CuPy's current stream."""
        import cupy

        stream = cupy.cuda.get_current_stream().ptr
        return OrtCudaLane(self, self.open_session(stream), self._device)

    def open_session(self, stream: int) -> Any:
        """A session that works on the CUDA stream at that address, 0 = its own."""
        provider = (PROVIDER, provider_settings(self._device, stream))
        session = open_session(self._model, self._spec.path, [provider])
        if session.get_providers()[0] != PROVIDER:
            raise BackendUnavailable(
                f"engine='onnxruntime' could not load its {PROVIDER}; CUDA and cuDNN have to be "
                "the versions it was built for: pip install 'fastdup-gpu[cu13]' (or [cu12]) "
                "installs both"
            )
        _check_cudnn()
        return session

    def _measured_sides(self, session: Any) -> tuple[int, ...]:
        """By a run, which is slow: the first one loads cuDNN and chooses algorithms for it."""
        zeros = np.zeros(self.form.shape(self.form.batch or 1), self.form.dtype)
        (first, *_) = session.run(None, {self.form.name: zeros})
        return np.asarray(first).shape[1:]


class OrtCudaLane:
    """One batch in flight: `input` on the device, and `run`; nothing passes through the host."""

    def __init__(self, engine: OrtCudaEngine, session: Any, device: int) -> None:
        import cupy

        self.batch = engine.batch
        self.input = cupy.zeros(engine.form.shape(self.batch), engine.form.dtype)
        self._output = cupy.zeros((self.batch, engine.dim), engine.output_kind)
        self._session = session
        self._options = ort.RunOptions()
        self._stream = cupy.cuda.get_current_stream()
        if self._stream.ptr:
            # Work stays in order on the lane's stream; readers of the output synchronise with it.
            self._options.add_run_config_entry("disable_synchronize_execution_providers", "1")
        self._binding = session.io_binding()
        self._binding.bind_input(
            name=engine.form.name,
            device_type=DEVICE,
            device_id=device,
            element_type=engine.form.dtype,
            shape=self.input.shape,
            buffer_ptr=self.input.data.ptr,
        )
        self._binding.bind_output(
            name=engine.output,
            device_type=DEVICE,
            device_id=device,
            element_type=self._output.dtype.type,
            shape=(self.batch, *engine.sides),
            buffer_ptr=self._output.data.ptr,
        )

    def run(self) -> Any:
        """`input` -> [batch, dim] on the device, overwritten by the next run."""
        if not self._stream.ptr:  # then onnxruntime uses its own stream, which waits for no other
            self._stream.synchronize()
        self._session.run_with_iobinding(self._binding, self._options)
        return self._output


def _check_cudnn() -> None:
    """onnxruntime opens models even without cuDNN, and then fails when it runs them."""
    if sys.platform != "linux":
        return
    try:
        ctypes.CDLL(_CUDNN)
    except OSError as error:
        raise BackendUnavailable(
            f"engine='onnxruntime' needs cuDNN 9, but {error}: pip install nvidia-cudnn-cu13 "
            "(or -cu12, depending on your CUDA)"
        ) from error


def provider_settings(device: int, stream: int) -> dict[str, str]:
    """Options of the CUDA provider; it works on the CUDA stream at `stream`, 0 = its own."""
    settings = cuda_settings(device)
    return {**settings, "user_compute_stream": str(stream)} if stream else settings


def _declared_sides(shape: Sequence[Any]) -> tuple[int, ...]:
    """The shape of the output for one image, () if the file leaves it open."""
    sides = tuple(shape[1:])
    return sides if all(isinstance(side, int) and side > 0 for side in sides) else ()
