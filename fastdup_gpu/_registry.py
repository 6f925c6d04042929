"""The table of backends: the only place that opens one, and only the requested one."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping
from typing import Any, cast

from fastdup_gpu._errors import (
    BackendUnavailable,
    InvalidArgument,
    MissingDependency,
    choose,
)
from fastdup_gpu.protocol import Backend

log = logging.getLogger("fastdup_gpu")

_BACKENDS = {
    "cpu": ("fastdup_gpu.fallback_cpu.backend", "CpuBackend", "cpu"),
    "gpu": ("fastdup_gpu.gpu.backend", "GpuBackend", "cu13"),
}


def open_backend(compute: str, *, device: int = 0, decoder: str = "auto") -> Backend:
    """Open the backend of `compute`: 'cpu', 'gpu' or 'auto' (the GPU if it is usable).

    `device` and `decoder` are options of the GPU backend. 'cpu' and 'gpu' never fall back: raises
    BackendUnavailable or MissingDependency, which say what is missing.
    """
    if compute == "auto":
        return _open_auto(device, decoder)
    options: dict[str, Any] = {"device": device} if device else {}
    options |= {} if decoder == "auto" else {"decoder": decoder}
    if compute == "cpu" and options:
        raise InvalidArgument(
            f"device={device}, decoder={decoder!r} need compute='gpu', but compute='cpu' was given"
        )
    if compute not in _BACKENDS:
        raise choose("compute", compute, [*_BACKENDS, "auto"])
    module, name, extra = _BACKENDS[compute]
    try:
        backend = getattr(importlib.import_module(module), name)(**options)
    except ModuleNotFoundError as error:
        raise MissingDependency(
            f"compute={compute!r} needs the package {error.name or error}, which is not "
            f"installed: pip install 'fastdup-gpu[{extra}]'"
        ) from error
    except ImportError as error:  # a library of a package that is installed does not load
        raise BackendUnavailable(f"compute={compute!r} cannot run here: {error}") from error
    return cast(Backend, backend)


def compute_of_run(config: Mapping[str, Any] | None) -> str:
    """The `compute` for later calls on a run, from its config.json: 'cpu' after a run on the CPU,
    else 'auto', because the GPU of the run may be on another machine."""
    return "cpu" if (config or {}).get("compute", "cpu") == "cpu" else "auto"


def _open_auto(device: int, decoder: str) -> Backend:
    try:
        backend = open_backend("gpu", device=device, decoder=decoder)
    except (BackendUnavailable, MissingDependency) as error:
        log.info("compute='auto' runs on the CPU: %s", error)
        return open_backend("cpu")
    log.info("compute='auto' runs on the GPU")
    return backend
