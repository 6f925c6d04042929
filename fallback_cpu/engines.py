"""What runs an ONNX file on the CPU: onnxruntime, or OpenVINO where it is installed.

An engine has one picture input and is called by several threads at a time, each on one core:
several callers of single-threaded inference measure faster than one caller of a threaded one.
"""

from __future__ import annotations

import importlib.util
import logging
import threading
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fastdup_gpu._cpu import cores, has_int8_dot
from fastdup_gpu._errors import InvalidArgument, MissingDependency, ModelError
from fastdup_gpu._onnxruntime import ort
from fastdup_gpu.protocol import F32, ModelSpec

log = logging.getLogger("fastdup_gpu")

ENGINES = ("auto", "onnxruntime", "openvino")
_TYPES: dict[str, type[np.generic]] = {
    "float": np.float32,
    "float32": np.float32,
    "float16": np.float16,
    "uint8": np.uint8,
}


class Engine(Protocol):
    """`shape` of the input, 0 where free; `dtype` of its numbers; `name` for config.json."""

    name: str
    shape: tuple[int, ...]
    dtype: type[np.generic]

    def run(self, pictures: NDArray[Any]) -> F32:
        """The first output, flattened to f32[n, d]."""
        ...


def open_engine(spec: ModelSpec) -> Engine:
    """The engine of spec.engine; 'auto' takes OpenVINO for built-in models where it is faster.

    On CPUs with 8-bit dot products OpenVINO measures 1.4 times faster on the built-in models, on
    those with AVX2 alone as fast; models of the user's own run on onnxruntime, which knows every
    operator, unless 'openvino' is asked for.
    """
    if spec.engine not in ENGINES:
        raise InvalidArgument(
            f"engine={spec.engine!r} does not run on the CPU; known are: {', '.join(ENGINES)}"
        )
    installed = importlib.util.find_spec("openvino") is not None
    if spec.engine == "openvino" and not installed:
        raise MissingDependency(
            "turi_param engine=openvino needs the package openvino, which is not installed: "
            "pip install 'fastdup-gpu[openvino]'"
        )
    faster = installed and spec.built_in and has_int8_dot()
    if spec.engine == "openvino" or (spec.engine == "auto" and faster):
        log.info("the model runs on OpenVINO")
        return OpenVinoEngine(spec)
    return OrtEngine(spec.path)


class OrtEngine:
    """onnxruntime, one thread a call."""

    name = "onnxruntime"

    def __init__(self, path: Path) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            providers = ["CPUExecutionProvider"]
            self._session = ort.InferenceSession(
                str(path), options, providers=providers, enable_fallback=0
            )
            inputs = [(i.name, i.type, list(i.shape)) for i in self._session.get_inputs()]
        except Exception as error:  # onnxruntime raises errors of many kinds, also for bad names
            raise ModelError(f"{path} cannot be opened as an ONNX model: {error}") from error
        _check_one_input(path, len(inputs))
        self._input, kind, shape = inputs[0]
        self.dtype = _dtype(path, kind.removeprefix("tensor(").removesuffix(")"))
        self.shape = tuple(s if isinstance(s, int) and s > 0 else 0 for s in shape)

    def run(self, pictures: NDArray[Any]) -> F32:
        """See Engine."""
        return _flat(self._session.run(None, {self._input: pictures})[0], len(pictures))


class OpenVinoEngine:
    """OpenVINO, one stream a core; in float32 where the file is not int8, on every CPU alike."""

    name = "openvino"

    def __init__(self, spec: ModelSpec) -> None:
        from fastdup_gpu._openvino import openvino

        try:
            core = openvino.Core()
            model = core.read_model(str(spec.path))
            _check_one_input(spec.path, len(model.inputs))
            shape = model.inputs[0].partial_shape
            self.shape = tuple(d.get_length() if d.is_static else 0 for d in shape)
            self.dtype = _dtype(spec.path, model.inputs[0].element_type.to_dtype().name)
            if spec.height and len(self.shape) == 4:
                model.reshape(_sized(self.shape, spec.height, spec.width))
            self._model = core.compile_model(
                model,
                "CPU",
                {
                    "INFERENCE_NUM_THREADS": cores(),
                    "NUM_STREAMS": cores(),
                    "INFERENCE_PRECISION_HINT": "f32",
                    "ENABLE_CPU_PINNING": False,
                },
            )
        except ModelError:
            raise
        except Exception as error:  # OpenVINO too raises errors of many kinds
            raise ModelError(f"{spec.path} cannot be opened by OpenVINO: {error}") from error
        self._requests = threading.local()

    def run(self, pictures: NDArray[Any]) -> F32:
        """See Engine."""
        request = getattr(self._requests, "request", None)
        if request is None:
            request = self._requests.request = self._model.create_infer_request()
        request.infer({0: pictures}, share_inputs=True)
        return _flat(request.get_output_tensor(0).data.copy(), len(pictures))


def _sized(shape: tuple[int, ...], height: int, width: int) -> list[int]:
    """The shape with height and width fixed, which is faster, and the batch left free."""
    if shape[-1] == 3:
        return [shape[0] or -1, shape[1] or height, shape[2] or width, 3]
    return [shape[0] or -1, 3, shape[2] or height, shape[3] or width]


def _check_one_input(path: Path, count: int) -> None:
    if count != 1:
        raise ModelError(f"{path.name} takes {count} inputs, expected one: pictures")


def _dtype(path: Path, name: str) -> type[np.generic]:
    if name not in _TYPES:
        raise ModelError(f"{path.name} takes {name}, expected float, float16 or uint8")
    return _TYPES[name]


def _flat(output: Any, n: int) -> F32:
    return np.asarray(output).reshape(n, -1).astype(np.float32, copy=False)
