"""Engines: which one runs, in what precision, and that its features are the CPU's."""

from __future__ import annotations

import logging
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import standin
from mixed_pictures import mixed

from fastdup_gpu._errors import BackendUnavailable, InvalidArgument, MissingDependency, ModelError
from fastdup_gpu.fallback_cpu.backend import CpuBackend
from fastdup_gpu.fallback_cpu.embed import OnnxModel
from fastdup_gpu.gpu import engines, lanes, ort_cuda, tensorrt
from fastdup_gpu.gpu.embed import GpuModel
from fastdup_gpu.models.manifest import DEFAULT, FOLDER
from fastdup_gpu.protocol import ModelSpec, PixelPlan

ENTRY = DEFAULT["fp16"]
SPEC = ModelSpec(
    FOLDER / ENTRY.filename, ENTRY.dim, ENTRY.side, ENTRY.side, True, "fp16", ENTRY.sha256
)
ORT_SPEC = replace(SPEC, engine="onnxruntime")
PLAN = PixelPlan(ORT_SPEC.height, ORT_SPEC.width)
INT8 = DEFAULT["int8"]
INT8_SPEC = ModelSpec(
    FOLDER / INT8.filename, INT8.dim, INT8.side, INT8.side, True, "int8", INT8.sha256
)


@pytest.fixture(autouse=True)
def on_host(host_engine):
    """Every test here runs without a GPU."""


def pixels(n: int) -> np.ndarray:
    rng = np.random.default_rng(n)
    cells = ENTRY.side // 16
    coarse = rng.integers(0, 256, (n, cells, cells, 3)).astype(np.uint8)
    return coarse.repeat(16, axis=1).repeat(16, axis=2)


def cosines(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(two, axis=1)
    return (one * two).sum(axis=1) / lengths


@pytest.mark.parametrize("n", [1, 4, 11])
def test_features_are_those_of_the_cpu_whatever_the_batch(n):
    model = GpuModel(replace(SPEC, engine="onnxruntime"), 0, batch=4)
    found = model.embed(standin.device(pixels(n)))
    assert found.shape == (n, 576) and found.dtype == np.float32
    assert cosines(found, OnnxModel(ORT_SPEC).embed(pixels(n))).min() >= 0.999
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-3)


@pytest.mark.parametrize("on_a_stream", [True, False])
def test_the_input_is_there_before_the_model_runs(standins, monkeypatch, on_a_stream):
    """On a stream of the lane's all is in order; onnxruntime's own stream waits for nobody."""
    waits, options = [], []
    stream = standin.Stream()
    stream.ptr = 7 if on_a_stream else 0
    stream.synchronize = lambda: waits.append(stream)
    monkeypatch.setattr(standins.cuda, "get_current_stream", lambda: stream)
    monkeypatch.setattr(
        ort_cuda.ort.RunOptions,
        "add_run_config_entry",
        lambda self, key, value: options.append(key),
        raising=False,
    )
    model = GpuModel(replace(INT8_SPEC, engine="onnxruntime"), 0, batch=2)
    waits.clear()
    model.features(standin.device(pixels(1)))
    assert len(waits) == (0 if on_a_stream else 1)
    assert options == ["disable_synchronize_execution_providers"] * on_a_stream


def test_pixels_last_and_whole_numbers_are_fed_as_the_file_wants_them():
    spec = replace(INT8_SPEC, engine="onnxruntime")
    found = GpuModel(spec, 0, batch=4).embed(standin.device(pixels(3)))
    assert cosines(found, OnnxModel(spec).embed(pixels(3))).min() >= 0.998


def test_no_pictures_no_features():
    model = GpuModel(replace(SPEC, engine="onnxruntime"), 0, batch=4)
    assert model.embed(standin.device(pixels(1)[:0])).shape == (0, 576)


def test_auto_takes_the_first_that_runs_and_says_so(caplog, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", None)
    monkeypatch.setitem(sys.modules, "tensorrt_rtx_libs", None)
    with caplog.at_level(logging.INFO, "fastdup_gpu"):
        assert GpuModel(replace(SPEC, engine="auto"), 0, batch=2).engine.name == "onnxruntime"
    lines = [r.getMessage() for r in caplog.records if "the model runs on" in r.getMessage()]
    assert len(lines) == 1
    assert "the model runs on onnxruntime" in lines[0] and "tensorrt" in lines[0]


def test_an_engine_that_is_not_installed_costs_nothing(monkeypatch):
    """Which of them is there is asked before the model is rewritten, at every start; and
    onnxruntime takes the file as it is."""
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    monkeypatch.setitem(sys.modules, "tensorrt_rtx_libs", None)
    rewritten = []
    honest = engines.half.to_half
    monkeypatch.setattr(engines.half, "to_half", lambda m: rewritten.append(1) or honest(m))
    assert GpuModel(SPEC, 0, batch=2).runs_on == "onnxruntime"
    assert not rewritten


@pytest.mark.parametrize("engine", ["tensorrt", "tensorrt_rtx"])
def test_an_explicit_engine_never_gives_way(engine, monkeypatch):
    for name in ("tensorrt", "tensorrt_rtx", "tensorrt_rtx_libs"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingDependency, match=f"engine='{engine}'.*pip install {engine[:8]}"):
        GpuModel(replace(SPEC, engine=engine), 0, batch=2)


def test_an_engine_whose_library_fails_is_told_apart(monkeypatch, caplog):
    """As TensorRT fails on a GPU it does not know: with an error of its own."""

    class Broken:
        __name__, __version__ = "tensorrt", "11.4"

        def __getattr__(self, name):
            raise RuntimeError("this GPU is not supported")

    monkeypatch.setattr(tensorrt, "library", lambda flavour: Broken())
    with pytest.raises(BackendUnavailable, match="engine='tensorrt' cannot run here: this GPU"):
        GpuModel(replace(SPEC, engine="tensorrt"), 0, batch=2)
    with caplog.at_level(logging.INFO, "fastdup_gpu"):
        assert GpuModel(SPEC, 0, batch=2).runs_on == "onnxruntime"
    assert "this GPU is not supported" in caplog.text


def test_an_unknown_engine_lists_the_known():
    with pytest.raises(InvalidArgument, match="'tensorrt_rtx', 'onnxruntime'"):
        GpuModel(replace(SPEC, engine="openvino"), 0, batch=2)


def test_a_wrong_length_names_the_right_one():
    with pytest.raises(ModelError, match=r"outputs vectors of length 576.*pass d=576"):
        GpuModel(replace(SPEC, dim=512, engine="onnxruntime"), 0, batch=2)


def test_a_file_that_is_no_model(tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"\x08\x01 no model")
    with pytest.raises(ModelError):
        GpuModel(
            ModelSpec(tmp_path / "x.onnx", 5, precision="int8", engine="onnxruntime"), 0, batch=2
        )


def test_fp16_that_disagrees_is_not_used(caplog, monkeypatch):
    pytest.importorskip("onnx", reason="rewrites models in fp16")
    tried = []

    def worse(*both):
        tried.append(both)
        return 0.98

    monkeypatch.setattr(engines, "least_cosine", worse)
    monkeypatch.setattr(engines, "REWRITTEN", {"onnxruntime"})  # the one that runs without a GPU
    monkeypatch.setattr(tensorrt, "library", lambda _: SimpleNamespace(__version__="1"))
    model = GpuModel(replace(SPEC, engine="onnxruntime"), 0, batch=2)
    assert "runs in fp32" in caplog.text and "0.9800" in caplog.text
    np.testing.assert_array_equal(
        model.embed(standin.device(pixels(2))), _in_fp32(pixels(2), monkeypatch)
    )
    GpuModel(replace(SPEC, engine="onnxruntime"), 0, batch=2)
    assert len(tried) == 1, "the verdict is kept"


def _in_fp32(pictures: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    monkeypatch.setitem(sys.modules, "onnx", None)
    return GpuModel(replace(SPEC, engine="onnxruntime"), 0, batch=2).embed(standin.device(pictures))


def test_fp16_agrees_with_fp32_on_made_up_pictures():
    pytest.importorskip("onnx", reason="rewrites models in fp16")
    model = SPEC.path.read_bytes()
    both = [
        engines._open(SPEC, "onnxruntime", m, p, 0, 4)
        for m, p in ((engines.half.to_half(model), "fp16"), (model, "fp32"))
    ]
    assert 0.999 <= engines.least_cosine(*both) <= 1


def test_fp16_files_are_fp16_inside_and_fp32_outside():
    onnx = pytest.importorskip("onnx", reason="rewrites models in fp16")
    made = onnx.load_model_from_string(engines.half.to_half(SPEC.path.read_bytes()))
    onnx.checker.check_model(made, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(made, strict_mode=True)
    kinds = {v.name: v.type.tensor_type.elem_type for v in inferred.graph.value_info}
    convolutions = [n for n in made.graph.node if n.op_type == "Conv"]
    assert convolutions
    assert {kinds[n.output[0]] for n in convolutions} == {onnx.TensorProto.FLOAT16}
    ends = [*made.graph.input, *made.graph.output]
    assert {v.type.tensor_type.elem_type for v in ends} == {onnx.TensorProto.FLOAT}


@pytest.mark.parametrize("wanted", ["none", "basic", "advanced"])
def test_a_whole_extraction_is_the_cpus(backend, wanted):
    items = [mixed()[i % 10] for i in range(12)]
    batches = [items[i : i + 5] for i in range(0, 12, 5)]
    ours, theirs = [], []
    for made, opened in ((ours, backend), (theirs, CpuBackend())):
        model = opened.open_model(ORT_SPEC)
        made += opened.extract(iter(batches), PLAN, model, wanted=wanted, threads=2)
    assert [len(e.outcomes) for e in ours] == [5, 5, 2]
    for one, two in zip(ours, theirs, strict=True):
        assert [(o.index, o.status) for o in one.outcomes] == [
            (o.index, o.status) for o in two.outcomes
        ]
        assert cosines(one.features, two.features).min() >= 0.995
        assert one.stats.shape == two.stats.shape
        np.testing.assert_allclose(one.stats, two.stats, rtol=0.02, atol=1)


@pytest.mark.parametrize(("asked", "batch"), [(0, 8), (3, 3), (1, 1)])
def test_the_model_runs_as_many_images_at_a_time_as_a_batch_has(backend, asked, batch):
    assert backend.open_model(ORT_SPEC, batch_size=asked).engine.batch == batch


@pytest.mark.parametrize(
    ("size", "batches"),
    [(0, 3), (128 * 50_000, 6), (1 << 29, 4), (1 << 30, 2), (1 << 33, 2)],
)
def test_fewer_batches_are_read_ahead_where_images_are_large(size, batches):
    assert lanes._batches_in_flight(size) == batches


def test_batches_are_taken_as_they_go(backend):
    """A source of many pictures must not be read whole before the first result."""
    taken = []

    def batches():
        for i in range(40):
            taken.append(i)
            yield mixed()[:1]

    results = backend.extract(
        batches(), PLAN, backend.open_model(ORT_SPEC), wanted="none", threads=2
    )
    next(results)
    assert len(taken) <= 10
    results.close()


def test_a_batch_that_runs_out_of_memory_is_done_in_halves(backend, monkeypatch):
    model = backend.open_model(ORT_SPEC)
    honest = GpuModel.features
    sizes = []

    def limited(self, given):
        sizes.append(len(given))
        if len(given) > 2:
            raise MemoryError("std::bad_alloc: out_of_memory")
        return honest(self, given)

    monkeypatch.setattr(GpuModel, "features", limited)
    good = [mixed()[0]] * 7
    (done,) = backend.extract([good], PLAN, model, wanted="basic", threads=2)
    assert done.features.shape == (7, 576) and len(done.outcomes) == 7 == len(done.stats)
    assert max(sizes) == 7


def test_models_of_any_layout_are_read(tmp_path: Path):
    from fastdup_gpu.forms import read_form

    spec = ModelSpec(tmp_path / "m.onnx", 8, 64, 96)
    cases = [
        (("batch", 3, "h", "w"), (True, 64, 96, 0)),
        ((1, 32, 48, 3), (False, 32, 48, 1)),
        ((-1, 3, 32, -1), (True, 32, 96, 0)),
    ]
    for shape, expected in cases:
        form = read_form(spec, [("x", "float32", shape)])
        assert (form.channels_first, form.height, form.width, form.batch) == expected
    for inputs in ([], [("x", "int64", (1, 3, 8, 8))], [("x", "float32", (3, 8, 8))]):
        with pytest.raises(ModelError):
            read_form(spec, inputs)
