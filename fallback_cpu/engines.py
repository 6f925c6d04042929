"""Runs an ONNX file on the CPU: onnxruntime, or OpenVINO if it is installed.

An engine has one image input and is called by several threads at a time, each on one core: that
is faster than one caller of multi-threaded inference.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import threading
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fastdup_gpu._cpu import cores, has_int8_dot
from fastdup_gpu._errors import InvalidArgument, MissingDependency, ModelError
from fastdup_gpu._onnxruntime import CPU, open_session
from fastdup_gpu.forms import Form, numpy_name, read_form
from fastdup_gpu.protocol import F32, ModelSpec

log = logging.getLogger("fastdup_gpu")

ENGINES = ("auto", "onnxruntime", "openvino")
# Compiled models of the process from which this one was forked: releasing them would never end.
_LEFT: list[object] = []


class Engine(Protocol):
    """`form` of its input; `name` for config.json."""

    name: str
    form: Form

    def run(self, pictures: NDArray[Any]) -> F32:
        """The first output, flattened to f32[n, d]."""
        ...


def open_engine(spec: ModelSpec) -> Engine:
    """The engine of spec.engine; 'auto' takes OpenVINO for built-in models where it is faster.

    On CPUs with 8-bit dot products OpenVINO is 1.4 times faster for the built-in models, on those
    with AVX2 alone equally fast. Users' own models run on onnxruntime, which supports every
    operator, unless 'openvino' is requested.
    """
    if spec.engine not in ENGINES:
        raise InvalidArgument(
            f"engine={spec.engine!r} does not run on the CPU; expected one of: {', '.join(ENGINES)}"
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
    return OrtEngine(spec)


class OrtEngine:
    """onnxruntime, one thread per call."""

    name = "onnxruntime"

    def __init__(self, spec: ModelSpec) -> None:
        self._session = open_session(str(spec.path), spec.path, [CPU])
        try:
            inputs = [(i.name, numpy_name(i.type), i.shape) for i in self._session.get_inputs()]
        except UnicodeDecodeError as error:  # a name that is not text
            raise ModelError(f"{spec.path} cannot be opened as an ONNX model: {error}") from error
        self.form = read_form(spec, inputs)

    def run(self, pictures: NDArray[Any]) -> F32:
        """See Engine."""
        return _flat(self._session.run(None, {self.form.name: pictures})[0], len(pictures))


class OpenVinoEngine:
    """OpenVINO, one stream per core; float32 on every CPU, where the file is not int8."""

    name = "openvino"

    def __init__(self, spec: ModelSpec) -> None:
        from fastdup_gpu._openvino import openvino

        try:
            model = openvino.Core().read_model(str(spec.path))
            self.form = read_form(spec, [_openvino_input(i) for i in model.inputs])
            if spec.height:  # fixed sides are faster
                model.reshape([self.form.batch or -1, *self.form.shape(1)[1:]])
            self._compile(model)
        except ModelError:
            raise
        except Exception as error:  # OpenVINO too raises errors of many kinds
            raise ModelError(f"{spec.path} cannot be opened by OpenVINO: {error}") from error

    def _compile(self, model: Any) -> None:
        from fastdup_gpu._openvino import openvino

        compiled = openvino.Core().compile_model(
            model,
            "CPU",
            {
                "INFERENCE_NUM_THREADS": cores(),
                "NUM_STREAMS": cores(),
                "INFERENCE_PRECISION_HINT": "f32",
                "ENABLE_CPU_PINNING": False,
            },
        )
        self._compiled = os.getpid(), model, compiled
        self._requests = threading.local()

    def run(self, pictures: NDArray[Any]) -> F32:
        """See Engine."""
        process, model, _ = self._compiled
        if process != os.getpid():  # a fork, in which the threads of the compiled model are missing
            _LEFT.append((self._compiled, self._requests))
            self._compile(model)
        request = getattr(self._requests, "request", None)
        if request is None:
            request = self._requests.request = self._compiled[2].create_infer_request()
        request.infer({0: pictures}, share_inputs=True)
        return _flat(request.get_output_tensor(0).data.copy(), len(pictures))


def _openvino_input(given: Any) -> tuple[str, str, list[int]]:
    shape = [d.get_length() if d.is_static else 0 for d in given.partial_shape]
    return "", given.element_type.to_dtype().name, shape


def _flat(output: Any, n: int) -> F32:
    return np.asarray(output).reshape(n, -1).astype(np.float32, copy=False)
