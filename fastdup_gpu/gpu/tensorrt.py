"""TensorRT and TensorRT-RTX, by the API that both share."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fastdup_gpu._errors import ModelError
from fastdup_gpu.forms import Form, read_form
from fastdup_gpu.gpu import engine_cache
from fastdup_gpu.gpu.engine_cache import EngineKey
from fastdup_gpu.protocol import ModelSpec

_LOG = logging.getLogger("fastdup_gpu")
_WORKSPACE = 4 << 30
Flavour = Literal["tensorrt", "tensorrt_rtx"]


@dataclass(frozen=True, slots=True)
class Network:
    """A parsed model. TensorRT's objects refer to each other, so all are kept."""

    form: Form
    builder: Any
    network: Any
    parser: Any


def library(flavour: Flavour) -> Any:
    """The Python module of TensorRT or TensorRT-RTX; raises ImportError."""
    if flavour == "tensorrt":
        import tensorrt

        return tensorrt
    import tensorrt_rtx_libs  # noqa: F401, I001  (loads the libraries that the bindings need)
    import tensorrt_rtx_bindings

    return tensorrt_rtx_bindings


def parse(trt: Any, spec: ModelSpec, model: bytes) -> Network:
    """Read an ONNX model; raises ModelError with the messages of TensorRT."""
    builder = trt.Builder(_logger(trt))
    flag = int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    network = builder.create_network(1 << flag)
    parser = trt.OnnxParser(network, _logger(trt))
    if not parser.parse(model):
        reasons = "; ".join(parser.get_error(i).desc() for i in range(parser.num_errors))
        raise ModelError(f"{spec.path.name} cannot be read by {trt.__name__}: {reasons}")
    inputs = [network.get_input(i) for i in range(network.num_inputs)]
    form = read_form(spec, [(t.name, _kind(trt, t.dtype), tuple(t.shape)) for t in inputs])
    return Network(form, builder, network, parser)


def build(trt: Any, spec: ModelSpec, model: bytes, batch: int, capability: str = "") -> bytes:
    """A serialised engine for batches of `batch` images, or of the only size the file accepts.

    A lane always runs whole batches, so an engine for smaller ones would not help. A `capability`
    such as 'SM89' builds for another GPU (TensorRT-RTX only), '' for the GPU of this machine.
    Raises ModelError.
    """
    parsed = parse(trt, spec, model)
    config = parsed.builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, _WORKSPACE)
    if capability:
        config.num_compute_capabilities = 1
        config.set_compute_capability(getattr(trt.ComputeCapability, capability), 0)
    if -1 in tuple(parsed.network.get_input(0).shape):
        profile = parsed.builder.create_optimization_profile()
        shape = parsed.form.shape(parsed.form.batch or batch)
        profile.set_shape(parsed.form.name, shape, shape, shape)
        config.add_optimization_profile(profile)
    plan = parsed.builder.build_serialized_network(parsed.network, config)
    if plan is None:
        raise ModelError(f"{trt.__name__} cannot build an engine for {spec.path.name}")
    return bytes(plan)


class TensorRtEngine:
    """An engine of one model on this GPU. See engines.Engine."""

    def __init__(
        self, flavour: Flavour, spec: ModelSpec, model: bytes, key: EngineKey, batch: int
    ) -> None:
        self.name: str = flavour
        self._trt = library(flavour)
        _check_known(self._trt, flavour, key.gpu)
        self.form = parse(self._trt, spec, model).form
        self.batch = self.form.batch or batch
        self._runtime = self._trt.Runtime(_logger(self._trt))
        self._engine = self._open(spec, model, key)
        names = [self._engine.get_tensor_name(i) for i in range(self._engine.num_io_tensors)]
        output = self._trt.TensorIOMode.OUTPUT
        self.output = next(n for n in names if self._engine.get_tensor_mode(n) == output)
        self.dim = math.prod(self._output_shape()[1:])

    def lane(self) -> TensorRtLane:
        """Buffers and a context of their own, on CuPy's current stream."""
        kind = _kind(self._trt, self._engine.get_tensor_dtype(self.output))
        return TensorRtLane(self, self._engine.create_execution_context(), kind)

    def _output_shape(self) -> Sequence[int]:
        """Of a whole batch, also if the file leaves it open."""
        shape: Sequence[int] = self._engine.get_tensor_shape(self.output)
        if -1 in tuple(shape)[1:]:
            context = self._engine.create_execution_context()
            context.set_input_shape(self.form.name, self.form.shape(self.batch))
            shape = context.get_tensor_shape(self.output)
        return shape

    def _open(self, spec: ModelSpec, model: bytes, key: EngineKey) -> Any:
        def make() -> bytes:
            _LOG.info("%s builds an engine for %s; this takes a while", self.name, spec.path.name)
            return build(self._trt, spec, model, self.batch)

        for _ in range(2):
            engine = self._runtime.deserialize_cuda_engine(engine_cache.cached(key, make))
            if engine is not None:
                return engine
            engine_cache.forget(key)
        raise ModelError(
            f"{self.name} cannot run an engine for {spec.path.name} on {key.gpu}; "
            "choose engine=onnxruntime"
        )


def _check_known(trt: Any, flavour: Flavour, gpu: str) -> None:
    """TensorRT-RTX builds engines on GPUs where it cannot run them, such as an H100: refuse these
    before the slow build. `gpu` ends in the compute capability."""
    name = "SM" + gpu.rpartition(" ")[2].replace(".", "")
    if flavour == "tensorrt_rtx" and not hasattr(trt.ComputeCapability, name):
        raise ModelError(f"{flavour} cannot run engines on {gpu}; choose engine=onnxruntime")


class TensorRtLane:
    """One batch in flight: `input` on the device, and `run`, replayed as a CUDA graph."""

    def __init__(self, engine: TensorRtEngine, context: Any, output_kind: str) -> None:
        import cupy

        self.batch = engine.batch
        shape = engine.form.shape(self.batch)
        self.input = cupy.zeros(shape, engine.form.dtype)
        self._output = cupy.zeros((self.batch, engine.dim), output_kind)
        self._context = context
        self._stream = cupy.cuda.get_current_stream()
        context.set_optimization_profile_async(0, self._stream.ptr)
        context.set_input_shape(engine.form.name, shape)
        context.set_tensor_address(engine.form.name, self.input.data.ptr)
        context.set_tensor_address(engine.output, self._output.data.ptr)
        self._execute()  # the first run allocates, which is not allowed during a capture
        self._stream.synchronize()
        self._graph = self._captured()

    def run(self) -> Any:
        """`input` -> [batch, dim] on the device, overwritten by the next run."""
        if self._graph is None:
            self._execute()
        else:
            self._graph.launch(self._stream)
        return self._output

    def _execute(self) -> None:
        if not self._context.execute_async_v3(self._stream.ptr):
            raise ModelError("TensorRT could not run the model; its log says why")

    def _captured(self) -> Any:
        """The run as a CUDA graph, which saves a hundred launches; None if that is not possible: on
        the null stream, or if the library does something that a capture forbids."""
        if not self._stream.ptr:
            return None
        try:
            self._stream.begin_capture()
            try:
                self._execute()
            finally:
                graph = self._stream.end_capture()
        except Exception as error:  # of TensorRT and CUDA
            _LOG.info("the model runs without a CUDA graph: %s", error)
            return None
        return graph


_LOGGERS: dict[str, Any] = {}


def _logger(trt: Any) -> Any:
    """One logger for each library: TensorRT keeps the first one."""
    return _LOGGERS.setdefault(trt.__name__, trt.Logger(trt.Logger.ERROR))


def _kind(trt: Any, dtype: Any) -> str:
    """numpy's name of a TensorRT type."""
    try:
        return str(trt.nptype(dtype).__name__)
    except TypeError:
        return str(dtype)
