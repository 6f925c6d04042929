"""The layers of docs/design.md: which module may import which.

A part is a module or a folder of `fastdup_gpu`; the longest name that matches counts. The standard
library and the part itself are always allowed. `inside` names parts of the package
(`__init__` is `fastdup_gpu` itself), `outside` other packages.
"""

from __future__ import annotations

from typing import NamedTuple


class Part(NamedTuple):
    """What a part may import."""

    inside: frozenset[str]
    outside: frozenset[str]


def part(inside: str = "", outside: str = "") -> Part:
    """A part from two lists of words."""
    return Part(frozenset(inside.split()), frozenset(outside.split()))


PICTURES = "cv2 PIL pillow_heif simplejpeg"
CUDA = (
    "cupy cupyx cuvs pylibraft pylibcugraph cudf rmm nvidia "
    "tensorrt tensorrt_rtx tensorrt_rtx_libs tensorrt_rtx_bindings"
)

PARTS = {
    "__init__": part(
        "_accel _api _api_analysis _api_exports _api_galleries _api_video _errors _options _session"
    ),
    "_api": part(
        "_session _options clustering searching formats galleries analysis _errors",
        "numpy pandas PIL",
    ),
    "_session": part(
        "pipeline clustering searching analysis formats galleries _config _options _summary _words",
        "numpy pandas PIL",
    ),
    "_options": part("_errors"),
    "__main__": part("cli"),
    "cli": part(
        "__init__ _commands _config _demo _doctor _errors _options _progress _run_help _summary "
        "pipeline galleries"
    ),
    "_doctor": part("__init__ _cpu _provenance gpu.probe"),
    "_demo": part("", "numpy PIL"),
    "_api_analysis": part("analysis _options", "numpy pandas"),
    "_api_galleries": part("galleries analysis _api _options", "pandas"),
    "_api_exports": part("analysis sources _api _api_analysis _options", "numpy pandas"),
    "_api_video": part("framing _api _options"),
    "_words": part(),
    "_arguments": part("_errors"),
    "_run_help": part(),
    "_commands": part("_session _words analysis galleries formats _errors"),
    "accel": part("_accel"),
    "_accel": part(),
    "_errors": part("", "numpy"),
    "_atomic": part("_errors"),
    "_cpu": part("", "numpy"),
    "_ordered": part(),
    "_process_wide": part(),
    "reading": part(),
    "protocol": part("", "numpy"),
    "_params": part("_errors protocol formats.names"),
    "_config": part("_arguments _cpu _errors _options _params protocol formats.names models"),
    "_notebook": part(),
    "_progress": part("_notebook", "rich"),
    "_provenance": part("_config protocol"),
    "_summary": part("_words protocol formats stages", "numpy"),
    "_registry": part("_errors protocol"),
    "pipeline": part(
        "_atomic _config _errors _options _registry _progress _provenance _summary "
        "comparing protocol formats sources models stages detection"
    ),
    "comparing": part("_config _errors _progress _summary protocol formats stages", "numpy"),
    "clustering": part(
        "pipeline _arguments _config _errors _registry _words protocol formats stages", "numpy"
    ),
    "framing": part("_arguments _config _errors _progress _registry _words formats models sources"),
    "searching": part(
        "_arguments _errors _params _registry _words protocol formats models sources stages",
        "pandas",
    ),
    "stages": part(
        "_atomic _config _errors _options _ordered _process_wide _progress _words protocol formats "
        "reading sources models "
        "detection",
        "numpy pandas PIL",
    ),
    "formats": part("_arguments _atomic _errors protocol", "numpy pandas"),
    "formats.saving": part("_arguments _errors formats indexing.rows", "numpy"),
    "sources": part(
        "_arguments _atomic _cpu _errors _process_wide _progress _words formats.names "
        "formats.files formats.items other_formats pictures protocol reading pixel_budget",
        "numpy pandas yaml PIL av fsspec s3fs botocore aiohttp",
    ),
    "_onnxruntime": part("_errors", "onnxruntime"),
    "_openvino": part("", "openvino"),
    "detection": part("_errors _onnxruntime", "numpy cv2 PIL"),
    "models": part("_cpu _errors protocol formats.names", "numpy"),
    "galleries": part(
        "_arguments _cpu _errors _notebook _ordered _process_wide _words analysis formats sources",
        "numpy pandas jinja2 markupsafe PIL",
    ),
    "analysis": part(
        "_arguments _errors _params _process_wide _registry _words formats indexing.rows protocol "
        "sources",
        "numpy pandas cv2 PIL",
    ),
    "other_formats": part(),
    "png_chunks": part(),
    "pictures": part("_process_wide other_formats png_chunks protocol", f"numpy {PICTURES}"),
    "area": part("protocol", "numpy cv2"),
    "pixel_budget": part("pictures protocol"),
    "shrink": part("area protocol pixel_budget", "numpy cv2"),
    "forms": part("_errors protocol", "numpy"),
    "indexing": part("protocol _atomic _errors", "numpy"),
    "kmeans": part("protocol _errors indexing", "numpy"),
    "graphs": part("protocol _errors", "numpy"),
    "fallback_cpu": part(
        "protocol _atomic _cpu _errors _onnxruntime _openvino _ordered forms pictures shrink "
        "indexing kmeans graphs formats.names formats.files",
        f"numpy scipy hnswlib threadpoolctl {PICTURES}",
    ),
    "gpu": part(
        "protocol _accel _atomic _cpu _errors _onnxruntime _ordered forms pictures reading shrink "
        "indexing kmeans graphs formats.names formats.files kernels",
        f"numpy onnx simplejpeg {CUDA}",
    ),
    "gpu.rehearsal": part("gpu protocol", "numpy simplejpeg"),
    "kernels": part("_errors", "numpy cupy cupyx"),
}
