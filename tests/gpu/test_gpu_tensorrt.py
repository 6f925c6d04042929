"""The engine layer on TensorRT-RTX's real builder, which needs no GPU to build for a named one."""

from __future__ import annotations

import importlib
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import standin

from fastdup_gpu._errors import ModelError
from fastdup_gpu.gpu import engine_cache, tensorrt
from fastdup_gpu.gpu.engine_cache import EngineKey
from fastdup_gpu.models.manifest import DEFAULT, FOLDER, HIGH_ACCURACY
from fastdup_gpu.protocol import ModelSpec


def spec_of(entry) -> ModelSpec:
    return ModelSpec(FOLDER / entry.filename, entry.dim, entry.side, entry.side, True)


SPEC = spec_of(DEFAULT["fp16"])
MODEL = SPEC.path.read_bytes()


@pytest.fixture(scope="module")
def rtx():
    pytest.importorskip("tensorrt_rtx_libs", reason="needs tensorrt-rtx-cu13-libs and -bindings")
    return tensorrt.library("tensorrt_rtx")


@pytest.mark.parametrize("table", [DEFAULT, HIGH_ACCURACY], ids=["default", "high_accuracy"])
@pytest.mark.parametrize("capability", ["SM80", "SM86", "SM89", "SM120"])
def test_an_engine_of_our_models_is_built(rtx, capability, table):
    spec = spec_of(table["fp16"])
    model = spec.path.read_bytes()
    plan = tensorrt.build(rtx, spec, model, 16, capability)
    assert len(plan) > len(model) / 2, "it holds the weights"


@pytest.mark.parametrize("table", [DEFAULT, HIGH_ACCURACY], ids=["default", "high_accuracy"])
def test_in_fp16_too(rtx, table):
    pytest.importorskip("onnx", reason="rewrites models in fp16")
    from fastdup_gpu.gpu.half import to_half

    spec = spec_of(table["fp16"])
    full = tensorrt.build(rtx, spec, spec.path.read_bytes(), 16, "SM89")
    half = tensorrt.build(rtx, spec, to_half(spec.path.read_bytes()), 16, "SM89")
    assert len(half) < 0.75 * len(full), "its weights take half the room"


def test_the_form_is_read_from_the_file(rtx):
    form = tensorrt.parse(rtx, SPEC, MODEL).form
    assert (form.name, form.channels_first) == ("input", True)
    assert (form.height, form.width) == (SPEC.height, SPEC.width)
    assert (form.batch, form.dtype) == (0, np.float32)


def test_a_file_that_is_no_model_is_refused_with_the_reason(rtx):
    with pytest.raises(ModelError, match="cannot be read by tensorrt"):
        tensorrt.parse(rtx, SPEC, b"no model at all")


def test_a_library_that_is_not_there_is_an_import_error(monkeypatch):
    for name in ("tensorrt", "tensorrt_rtx", "tensorrt_rtx_libs"):
        monkeypatch.setitem(sys.modules, name, None)
    for flavour in ("tensorrt", "tensorrt_rtx"):
        with pytest.raises(ImportError, match=flavour):
            tensorrt.library(flavour)


class Context:
    """Counts; `execute_async_v3` writes twice the input's mean into the output."""

    def __init__(self, log):
        self.log, self.shapes, self.addresses = log, {}, {}

    def set_optimization_profile_async(self, profile, stream):
        return True

    def set_input_shape(self, name, shape):
        self.shapes[name] = shape
        return True

    def set_tensor_address(self, name, address):
        self.addresses[name] = address
        return True

    def execute_async_v3(self, stream):
        self.log.append("execute")
        return True


class CapturingStream(standin.Stream):
    ptr = 77

    def __init__(self, log):
        self.log = log

    def begin_capture(self):
        self.log.append("begin")

    def end_capture(self):
        self.log.append("end")
        return SimpleNamespace(launch=lambda stream: self.log.append("launch"))


@pytest.mark.parametrize(
    ("captures", "expected"),
    [
        (True, ["execute", "begin", "execute", "end", "launch", "launch"]),
        (False, ["execute", "execute", "execute"]),
    ],
)
def test_a_lane_replays_a_graph_except_on_the_null_stream(
    standins, monkeypatch, captures, expected
):
    log = []
    stream = CapturingStream(log) if captures else standin.Stream()
    monkeypatch.setattr(standins.cuda, "get_current_stream", lambda: stream)
    form = SimpleNamespace(name="x", dtype=np.float32, shape=lambda n: (n, 3, 4, 4))
    context = Context(log)
    engine = SimpleNamespace(batch=5, form=form, dim=7, output="y")
    lane = tensorrt.TensorRtLane(engine, context, "float32")
    assert lane.run().shape == (5, 7)
    lane.run()
    assert log == expected
    assert context.shapes == {"x": (5, 3, 4, 4)}
    assert context.addresses["x"] == lane.input.data.ptr


def test_a_lane_that_cannot_be_captured_runs_without_a_graph(standins, monkeypatch, caplog):
    log = []
    stream = CapturingStream(log)
    stream.end_capture = lambda: (_ for _ in ()).throw(RuntimeError("capture was invalidated"))
    monkeypatch.setattr(standins.cuda, "get_current_stream", lambda: stream)
    form = SimpleNamespace(name="x", dtype=np.float32, shape=lambda n: (n, 3, 4, 4))
    engine = SimpleNamespace(batch=5, form=form, dim=7, output="y")
    with caplog.at_level("INFO", "fastdup_gpu"):
        lane = tensorrt.TensorRtLane(engine, Context(log), "float32")
    lane.run()
    assert log == ["execute", "begin", "execute", "execute"]
    assert "without a CUDA graph: capture was invalidated" in caplog.text


@pytest.mark.parametrize("good_at", [1, 2, 99])
def test_an_engine_that_cannot_be_opened_is_built_once_more(monkeypatch, tmp_path, good_at):
    """A stored engine of an older driver fails to open although its bytes are whole."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    key = EngineKey("m", "gpu", "tensorrt 11", "fp16", (4,))
    engine_cache.write(key, b"old")
    opened, built = [], []

    class Runtime:
        def deserialize_cuda_engine(self, plan):
            opened.append(plan)
            return "engine" if len(opened) == good_at else None

    monkeypatch.setattr(tensorrt, "build", lambda *a: built.append(a) or b"new")
    engine = tensorrt.TensorRtEngine.__new__(tensorrt.TensorRtEngine)
    engine.name, engine.batch = "tensorrt", 4
    engine._trt, engine._runtime = None, Runtime()
    if good_at == 99:
        with pytest.raises(ModelError, match="cannot run an engine"):
            engine._open(SPEC, MODEL, key)
    else:
        assert engine._open(SPEC, MODEL, key) == "engine"
    assert opened == [b"old", b"new"][: min(good_at, 2)] and len(built) == len(opened) - 1


def test_names_of_types_are_numpys(rtx):
    names = {tensorrt._kind(rtx, getattr(rtx, k)) for k in ("float32", "float16", "uint8")}
    assert names == {"float32", "float16", "uint8"}
    assert importlib.import_module(rtx.__name__) is rtx
