"""`fastdup-gpu doctor`: what is installed, what is usable, and what to do about the rest."""

from __future__ import annotations

import importlib.util
from dataclasses import asdict
from typing import Any

from fastdup_gpu import _provenance
from fastdup_gpu._cpu import cores, has_fast_int8
from fastdup_gpu.gpu import probe

_CPU_MODULES = {
    "onnxruntime": "runs the model",
    "cv2": "decodes and resizes",
    "simplejpeg": "decodes JPEG",
    "scipy": "computes components and PageRank",
    "threadpoolctl": "limits matrix products to num_threads",
}
_OPTIONAL_MODULES = {
    "openvino": (
        "runs the built-in models faster than onnxruntime on CPUs with VNNI or AMX",
        "fastdup-gpu[openvino]",
    ),
    "hnswlib": ("HNSW index for large sets (else IVF or exact search)", "fastdup-gpu[hnsw]"),
    "pillow_heif": ("HEIC and HEIF images", "fastdup-gpu[heif]"),
}


def examine() -> dict[str, Any]:
    """All findings, as printed by --json."""
    return {
        "packages": _provenance.versions(),
        "threads": cores(),
        "fast_int8": has_fast_int8(),
        "cpu": {name: _installed(name) for name in _CPU_MODULES},
        "optional": {name: _installed(name) for name in _OPTIONAL_MODULES},
        "gpu": [
            {**asdict(found), "hint": "" if found.ok else found.hint} for found in probe.check()
        ],
    }


def lines(found: dict[str, Any]) -> list[str]:
    """The findings as text; the last line of each backend says whether it is usable."""
    out = ["CPU backend"]
    for name, role in _CPU_MODULES.items():
        out.append(_line(found["cpu"][name], name, role, "pip install 'fastdup-gpu[cpu]'"))
    for name, (role, extra) in _OPTIONAL_MODULES.items():
        hint = f"pip install '{extra}'"
        out.append(_line(found["optional"][name], name, role, hint, needed=False))
    out.append(f"  model precision on this CPU: {'int8' if found['fast_int8'] else 'fp16'}")
    out.append(f"  => {'usable' if all(found['cpu'].values()) else 'not usable'}")
    out.append("GPU backend")
    out += [
        _line(f["ok"], f["name"], f["found"], f["hint"], needed=f["needed"]) for f in found["gpu"]
    ]
    usable = all(f["ok"] or not f["needed"] for f in found["gpu"])
    out.append(f"  => {'usable' if usable else 'not usable'}")
    return out


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _line(ok: bool, name: str, found: str, hint: str, *, needed: bool = True) -> str:
    if ok:
        return f"  [ok] {name}: {found}"
    return (
        f"  [NO] {name}: {found} -> {hint}"
        if needed
        else f"  [--] {name}: {found}; optional: {hint}"
    )
