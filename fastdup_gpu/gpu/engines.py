"""Which engine runs the model, and whether it may do so in fp16."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, Protocol

import numpy as np

from fastdup_gpu._errors import (
    BackendUnavailable,
    FastdupError,
    MissingDependency,
    ModelError,
    choose,
)
from fastdup_gpu.forms import Form
from fastdup_gpu.gpu import engine_cache, half
from fastdup_gpu.gpu.engine_cache import EngineKey
from fastdup_gpu.protocol import U8, ModelSpec

_LOG = logging.getLogger("fastdup_gpu")
Name = Literal["tensorrt", "tensorrt_rtx", "onnxruntime"]
ORDER: tuple[Name, ...] = ("tensorrt", "tensorrt_rtx", "onnxruntime")
# Engines for which models are rewritten in fp16. onnxruntime's CUDA provider runs convolutions in
# TF32, which is as accurate as fp16 and was faster on an H100 (see docs/performance.md).
REWRITTEN: frozenset[Name] = frozenset(("tensorrt", "tensorrt_rtx"))
# fp16 is used if the cosine between fp16 and fp32 features is at least this.
AGREES = 0.999
_SAMPLES = 8
_HINT = "Other engines run with compute='cpu'."


class Lane(Protocol):
    """One batch in flight: `input` device array of `batch` images, `run` -> [batch, dim]."""

    batch: int
    input: Any

    def run(self) -> Any:
        """The features of `input`, on the device, overwritten by the next run."""
        ...


class Engine(Protocol):
    """An opened model. `lane` makes buffers on CuPy's current stream."""

    name: str
    form: Form
    dim: int
    batch: int

    def lane(self) -> Lane:
        """Everything that one batch in flight needs."""
        ...


def open_engine(spec: ModelSpec, device: int, batch: int) -> Engine:
    """The engine of spec.engine; 'auto' = the first usable one of ORDER, named in an INFO line.

    An explicit engine is never replaced by another: raises MissingDependency, BackendUnavailable
    or ModelError saying what is wrong with it.
    """
    if spec.engine != "auto":
        name = next((n for n in ORDER if n == spec.engine), None)
        if name is None:
            raise choose("engine", spec.engine, ["auto", *ORDER], hint=_HINT)
        with _told(name):
            return _open_checked(spec, name, device, batch)
    reasons: list[str] = []
    kind: type[FastdupError] = BackendUnavailable
    for name in ORDER:
        try:
            with _told(name):
                opened = _open_checked(spec, name, device, batch)
        except FastdupError as error:
            reasons.append(f"{name}: {error}")
            kind = ModelError if isinstance(error, ModelError) else kind
            continue
        _LOG.info("the model runs on %s%s", name, f" ({'; '.join(reasons)})" if reasons else "")
        return opened
    raise kind(f"no engine can run {spec.path.name}. " + "; ".join(reasons))


def _open_checked(spec: ModelSpec, name: Name, device: int, batch: int) -> Engine:
    """In fp16 if that agrees with fp32, which is tried once for each model and machine."""
    model = spec.path.read_bytes()
    if spec.precision == "int8" or name not in REWRITTEN:
        return _open(spec, name, model, "file", device, batch)
    # First, because it imports the library: without it the rest would be pointless.
    key = _key(spec, name, "fp16 against fp32", device, batch)
    try:
        smaller = half.to_half(model)
    except MissingDependency as error:
        _LOG.info("the model runs in fp32: %s", error)
        return _open(spec, name, model, "fp32", device, batch)

    def judge() -> dict[str, Any]:
        both = [
            _open(spec, name, m, p, device, batch) for m, p in ((smaller, "fp16"), (model, "fp32"))
        ]
        return {"cosine": least_cosine(*both)}

    cosine = float(engine_cache.verdict(key, judge)["cosine"])
    if cosine >= AGREES:
        return _open(spec, name, smaller, "fp16", device, batch)
    _LOG.warning(
        "%s runs in fp32, because its fp16 features have a cosine similarity of only %.4f to them",
        spec.path.name,
        cosine,
    )
    return _open(spec, name, model, "fp32", device, batch)


@contextmanager
def _told(name: Name) -> Iterator[None]:
    """Convert any error of an engine's library to one that names the engine."""
    try:
        yield
    except FastdupError:
        raise
    except ImportError as error:
        raise MissingDependency(
            f"engine={name!r} needs the package {error.name or error}, which is not installed; "
            f"{_INSTALL[name]}"
        ) from error
    except Exception as error:  # libraries raise errors of many kinds
        raise BackendUnavailable(f"engine={name!r} cannot run here: {error}") from error


def _open(
    spec: ModelSpec, name: Name, model: bytes, precision: str, device: int, batch: int
) -> Engine:
    if name == "onnxruntime":
        from fastdup_gpu.gpu.ort_cuda import OrtCudaEngine

        return OrtCudaEngine(spec, model, device, batch)
    from fastdup_gpu.gpu.tensorrt import TensorRtEngine

    return TensorRtEngine(name, spec, model, _key(spec, name, precision, device, batch), batch)


def _key(spec: ModelSpec, name: Any, precision: str, device: int, batch: int) -> EngineKey:
    import cupy

    from fastdup_gpu.gpu.tensorrt import library

    about = cupy.cuda.runtime.getDeviceProperties(device)
    gpu = f"{about['name'].decode()} {about['major']}.{about['minor']}"
    profile = (batch, spec.height, spec.width)
    return EngineKey(
        spec.sha256 or str(spec.path),
        gpu,
        f"{name} {library(name).__version__}",
        f"{precision} {half.REWRITE}",
        profile,
    )


_INSTALL: dict[str, str] = {
    "tensorrt": "pip install tensorrt-cu13",
    "tensorrt_rtx": "pip install tensorrt-rtx-cu13-libs tensorrt-rtx-cu13-bindings",
    "onnxruntime": "pip install onnxruntime-gpu",
}


def least_cosine(one: Engine, two: Engine) -> float:
    """The smallest cosine between the features of two engines for the same synthetic images."""
    import cupy

    features = []
    for engine in (one, two):
        lane = engine.lane()
        fill(lane, engine.form, cupy.asarray(_samples(engine.form)[: lane.batch]))
        features.append(cupy.asnumpy(lane.run())[: min(_SAMPLES, lane.batch)].astype(np.float64))
    dots = (features[0] * features[1]).sum(axis=1)
    lengths = np.linalg.norm(features[0], axis=1) * np.linalg.norm(features[1], axis=1)
    with np.errstate(all="ignore"):
        cosines = np.nan_to_num(dots / lengths, nan=-1.0)
    return float(cosines.min())


def fill(lane: Lane, form: Form, pixels: Any) -> None:
    """Put u8[n, H, W, 3] RGB into the input of a lane, in the model's layout and type."""
    ordered = pixels.transpose(0, 3, 1, 2) if form.channels_first else pixels
    lane.input[: len(pixels)] = ordered


def _samples(form: Form) -> U8:
    """Smooth coloured images with some grain, the same every time."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0 : form.height, 0 : form.width]
    waves = rng.uniform(0.01, 0.2, (_SAMPLES, 3, 3, 1, 1))
    smooth = np.sin(waves[:, 0] * y + waves[:, 1] * x + 31 * waves[:, 2])
    grainy = 128 + 100 * smooth + rng.normal(0, 9, smooth.shape)
    pixels: U8 = np.clip(grainy, 0, 255).astype(np.uint8).transpose(0, 2, 3, 1)
    return pixels
