"""onnxruntime, without the telemetry that its releases from 1.32 on start when imported.

This is the only import of onnxruntime in the package. A program that imports onnxruntime before
fastdup_gpu has to set ORT_DISABLE_TELEMETRY=1 itself; later it has no effect.
"""

import contextlib
import functools
import io
import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime as ort

__all__ = ["load_cuda_libraries", "ort"]


@functools.cache
def load_cuda_libraries() -> None:
    """Load CUDA and cuDNN from the packages that pip installs, because onnxruntime's CUDA provider
    does not look for them there. If any are missing, opening a session fails and says so."""
    if hasattr(ort, "preload_dlls"):  # since 1.21
        with contextlib.redirect_stdout(io.StringIO()):  # it prints what it does not find
            ort.preload_dlls()
