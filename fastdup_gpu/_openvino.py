"""OpenVINO, without the telemetry that it sends when it is imported.

Where its package openvino_telemetry is missing it goes without; here it finds none. A program
that has imported openvino before has to see to this itself.
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
