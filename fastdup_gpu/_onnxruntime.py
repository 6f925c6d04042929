"""onnxruntime, without the telemetry that its releases from 1.32 on begin when they are imported.

Nothing else in the package imports it by its own name. A program that has imported onnxruntime
before has to set ORT_DISABLE_TELEMETRY=1 itself: afterwards it is too late.
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
    """Load CUDA and cuDNN from the packages that pip installs, where onnxruntime's CUDA provider
    does not look for them by itself. What is missing shows when a session is opened."""
    if hasattr(ort, "preload_dlls"):  # since 1.21
        with contextlib.redirect_stdout(io.StringIO()):  # it prints what it does not find
            ort.preload_dlls()
