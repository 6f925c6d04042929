"""onnxruntime, without the telemetry that its releases from 1.32 on start when imported.

This is the only import of onnxruntime in the package. A program that imports onnxruntime before
fastdup_gpu has to set ORT_DISABLE_TELEMETRY=1 itself; later it has no effect.
"""

import contextlib
import functools
import io
import os
from collections.abc import Sequence
from typing import Any

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime as ort

from fastdup_gpu._errors import ModelError

__all__ = ["CPU", "CUDA", "ERRORS", "cuda_settings", "load_cuda_libraries", "open_session", "ort"]

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
ERRORS = 3  # of onnxruntime's log levels: those and worse


def open_session(model: str | bytes, name: object, providers: Sequence[Any]) -> Any:
    """A session whose calls take one thread of the host each, on the first of `providers` that
    works. `model`: a path, or the content of a file. Raises ModelError, which calls it `name`."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = ERRORS
    try:
        return ort.InferenceSession(model, options, providers=[*providers], enable_fallback=0)
    except Exception as error:  # onnxruntime raises errors of many kinds
        raise ModelError(f"{name} cannot be opened as an ONNX model: {error}") from error


def cuda_settings(device: int) -> dict[str, str]:
    """Settings of the CUDA provider that start fast and leave memory to others."""
    return {
        "device_id": str(device),
        "cudnn_conv_algo_search": "HEURISTIC",
        "arena_extend_strategy": "kSameAsRequested",
    }


@functools.cache
def load_cuda_libraries() -> None:
    """Load CUDA and cuDNN from the packages that pip installs, because onnxruntime's CUDA provider
    does not look for them there. If any are missing, opening a session fails and says so."""
    if hasattr(ort, "preload_dlls"):  # since 1.21
        with contextlib.redirect_stdout(io.StringIO()):  # it prints what it does not find
            ort.preload_dlls()
