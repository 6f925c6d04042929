"""config.json: the arguments of a run, and the software that ran it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from pathlib import Path
from typing import Any

from fastdup_gpu._config import RunConfig
from fastdup_gpu.protocol import ModelSpec

_PACKAGES = (
    "fastdup-gpu",
    "numpy",
    "scipy",
    "onnxruntime",
    "onnxruntime-gpu",
    "openvino",
    "opencv-python-headless",
    "simplejpeg",
    "pillow",
    "pillow-heif",
    "av",
    "hnswlib",
    "cupy-cuda12x",
    "cupy-cuda13x",
    "cuvs-cu12",
    "cuvs-cu13",
)
_LONG_LIST = 100


def describe(
    config: RunConfig, backend: str, model: ModelSpec | None, runs_on: str
) -> dict[str, Any]:
    """The arguments of run() by name, then `environment` and `model`."""
    content: dict[str, Any] = {k: _shown(v) for k, v in config.arguments.items()}
    content.pop("license", None)
    content["environment"] = {
        "folder": _current_folder(),
        "backend": backend,
        "threads": config.threads,
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "packages": versions(),
    }
    if model is not None:
        content["model"] = {
            "file": model.path.name,
            "sha256": model.sha256,
            "precision": model.precision,
            "engine": runs_on,
            "d": model.dim,
        }
    return content


def keep_base(content: dict[str, Any], earlier: dict[str, Any]) -> None:
    """Keep what an earlier config.json says about the images and the model they were read with; the
    call that `content` describes only compared them."""
    content |= {key: earlier[key] for key in ("input_dir", "work_dir", "model") if key in earlier}
    environment = earlier.get("environment")
    if isinstance(environment, dict) and "folder" in environment:
        content["environment"]["folder"] = environment["folder"]


def _current_folder() -> str:
    """The folder to which relative names refer."""
    try:
        return str(Path.cwd())
    except OSError:  # it was removed
        return ""


def versions() -> dict[str, str]:
    """Installed versions of the packages that affect results."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _shown(value: Any) -> Any:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)) and len(value) > _LONG_LIST:
        return [*map(_shown, value[:_LONG_LIST]), f"and {len(value) - _LONG_LIST} more"]
    return value
