"""onnxruntime, without the telemetry that its releases from 1.32 on begin when they are imported.

Nothing else in the package imports it by its own name. A program that has imported onnxruntime
before has to set ORT_DISABLE_TELEMETRY=1 itself: afterwards it is too late.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime as ort

__all__ = ["ort"]
