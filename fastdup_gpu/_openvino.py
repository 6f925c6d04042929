"""OpenVINO, without the telemetry that it sends when imported.

OpenVINO sends nothing if its package openvino_telemetry is missing, so that package is hidden
during the import. A program that imports openvino before fastdup_gpu has to do the same itself.
"""

import sys

_NAME = "openvino_telemetry"
_before = sys.modules.pop(_NAME, None)
sys.modules[_NAME] = None  # type: ignore[assignment]
try:
    import openvino
finally:
    del sys.modules[_NAME]
    if _before is not None:
        sys.modules[_NAME] = _before

__all__ = ["openvino"]
