"""The table of backends: the only place that opens one, and only the requested one."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Mapping
from typing import Any, cast

from fastdup_gpu._errors import (
    BackendUnavailable,
    InvalidArgument,
    MissingDependency,
    choose,
)
from fastdup_gpu.protocol import Backend, Embedder, ModelSpec

log = logging.getLogger("fastdup_gpu")

_BACKENDS = {
    "cpu": ("fastdup_gpu.fallback_cpu.backend", "CpuBackend", "cpu"),
    "gpu": ("fastdup_gpu.gpu.backend", "GpuBackend", "cu13"),
}
_UNUSABLE = (BackendUnavailable, MissingDependency)


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


def open_model(
    backend: Backend, choose_for: Callable[[str], ModelSpec], compute: str, batch_size: int
) -> tuple[Backend, Embedder]:
    """Open the model that `choose_for` returns for the name of a backend; also returns the backend
    on which it is.

    That is another one than `backend` only if `compute` is 'auto' and no engine can be used on the
    GPU: then the CPU runs everything. For `batch_size` and errors see Backend.open_model.
    """
    try:
        return backend, backend.open_model(choose_for(backend.name), batch_size=batch_size)
    except _UNUSABLE as error:
        if compute != "auto" or backend.name == "cpu":
            raise
        return open_model(_instead(error), choose_for, "cpu", batch_size)


def compute_of_run(config: Mapping[str, Any] | None) -> str:
    """The `compute` for later calls on a run, from its config.json: 'cpu' after a run on the CPU,
    else 'auto', because the GPU of the run may be on another machine."""
    return "cpu" if (config or {}).get("compute", "cpu") == "cpu" else "auto"


def _open_auto(device: int, decoder: str) -> Backend:
    try:
        backend = open_backend("gpu", device=device, decoder=decoder)
    except _UNUSABLE as error:
        return _instead(error)
    log.info("compute='auto' runs on the GPU")
    return backend


def _instead(error: Exception) -> Backend:
    """The CPU's backend, in place of a GPU that cannot be used because of `error`."""
    log.info("compute='auto' runs on the CPU: %s", error)
    return open_backend("cpu")
