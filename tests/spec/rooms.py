"""The layers of docs/design.md: which module may import which.

A room is a module or a folder of `fastdup_gpu`; the longest name that matches counts. The standard
library and the room itself are always allowed. `inside` names rooms of the package
(`__init__` is `fastdup_gpu` itself), `outside` other packages.
"""

from __future__ import annotations

from typing import NamedTuple


class Room(NamedTuple):
    """What a room may import."""

    inside: frozenset[str]
    outside: frozenset[str]


def room(inside: str = "", outside: str = "") -> Room:
    """A room from two lists of words."""
    return Room(frozenset(inside.split()), frozenset(outside.split()))


PICTURES = "cv2 PIL pillow_heif simplejpeg"
CUDA = (
    "cupy cupyx cuvs pylibraft pylibcugraph cudf rmm nvidia "
    "tensorrt tensorrt_rtx tensorrt_rtx_libs tensorrt_rtx_bindings"
)

ROOMS = {
    "__init__": room(
        "_accel _api _api_analysis _api_exports _api_galleries _api_video _errors _options _session"
    ),
    "_api": room(
        "_session _options clustering searching formats galleries analysis _errors",
        "numpy pandas",
    ),
    "_session": room(
        "pipeline clustering searching analysis formats galleries _config _options _summary",
        "numpy pandas",
    ),
    "_options": room("_errors"),
    "__main__": room("cli"),
    "cli": room(
        "__init__ _commands _config _demo _doctor _errors _options _progress _run_help _summary "
        "pipeline galleries"
    ),
    "_doctor": room("__init__ _cpu _provenance gpu.probe"),
    "_demo": room("", "numpy PIL"),
    "_api_analysis": room("analysis _options", "numpy pandas"),
    "_api_galleries": room("galleries analysis _api _options", "pandas"),
    "_api_exports": room("analysis sources _api _api_analysis _options", "numpy pandas"),
    "_api_video": room("framing _api _options"),
    "_words": room(),
    "_arguments": room("_errors"),
    "_run_help": room(),
    "_commands": room("_session _words analysis galleries formats _errors"),
    "accel": room("_accel"),
    "_accel": room(),
    "_errors": room("", "numpy"),
    "_atomic": room("_errors"),
    "_cpu": room("", "numpy"),
    "_ordered": room(),
    "_process_wide": room(),
    "reading": room(),
    "protocol": room("", "numpy"),
    "_params": room("_errors protocol formats.names"),
    "_config": room("_arguments _cpu _errors _options _params protocol formats.names models"),
    "_notebook": room(),
    "_progress": room("_notebook", "rich"),
    "_provenance": room("_config protocol"),
    "_summary": room("_words protocol formats stages", "numpy"),
    "_registry": room("_errors protocol"),
    "pipeline": room(
        "_atomic _config _errors _registry _progress _provenance _summary "
        "comparing protocol formats sources models stages detection"
    ),
    "comparing": room("_config _errors _progress _summary protocol formats stages", "numpy"),
    "clustering": room(
        "pipeline _arguments _config _errors _registry protocol formats stages", "numpy"
    ),
    "framing": room("_arguments _config _errors _progress _registry _words formats models sources"),
    "searching": room(
        "_arguments _errors _params _registry _words protocol formats models sources stages",
        "pandas",
    ),
    "stages": room(
        "_atomic _config _errors _ordered _progress protocol formats reading sources models "
        "detection",
        "numpy pandas PIL",
    ),
    "formats": room("_atomic _errors protocol", "numpy pandas"),
    "sources": room(
        "_atomic _cpu _errors _process_wide _progress _words formats.names formats.files "
        "other_formats pictures protocol reading room",
        "numpy pandas yaml PIL av fsspec s3fs botocore aiohttp",
    ),
    "_onnxruntime": room("", "onnxruntime"),
    "_openvino": room("", "openvino"),
    "detection": room("_errors _onnxruntime", "numpy cv2 PIL"),
    "models": room("_cpu _errors protocol formats.names", "numpy"),
    "galleries": room(
        "_arguments _cpu _errors _notebook _ordered _words analysis formats sources",
        "numpy pandas jinja2 markupsafe PIL",
    ),
    "analysis": room(
        "_arguments _errors _params _registry _words formats indexing.rows protocol sources",
        "numpy pandas cv2 PIL",
    ),
    "other_formats": room(),
    "png_chunks": room(),
    "pictures": room("_process_wide other_formats png_chunks protocol", f"numpy {PICTURES}"),
    "area": room("protocol", "numpy cv2"),
    "room": room("pictures protocol"),
    "shrink": room("area protocol room", "numpy cv2"),
    "forms": room("_errors protocol", "numpy"),
    "indexing": room("protocol _atomic _errors", "numpy"),
    "kmeans": room("protocol _errors indexing", "numpy"),
    "graphs": room("protocol _errors", "numpy"),
    "fallback_cpu": room(
        "protocol _atomic _cpu _errors _onnxruntime _openvino _ordered forms pictures shrink "
        "indexing kmeans graphs formats.names formats.files",
        f"numpy scipy hnswlib threadpoolctl {PICTURES}",
    ),
    "gpu": room(
        "protocol _accel _atomic _cpu _errors _onnxruntime _ordered forms pictures reading shrink "
        "indexing kmeans graphs formats.names formats.files kernels",
        f"numpy onnx simplejpeg {CUDA}",
    ),
    "gpu.rehearsal": room("gpu protocol", "numpy simplejpeg"),
    "kernels": room("_errors", "numpy cupy cupyx"),
}
