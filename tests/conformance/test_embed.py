"""Features against onnxruntime used by hand, and models of every kind."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import tolerances
from onnx import TensorProto
from onnx_models import flatten, mean_and_max, pooled, two_inputs
from pixels import as_encoded, encode, natural

import fastdup_gpu
from fastdup_gpu._errors import InvalidArgument, ModelError
from fastdup_gpu._registry import open_backend
from fastdup_gpu.models import manifest
from fastdup_gpu.protocol import ModelSpec, PixelPlan

PACKAGED = [*manifest.DEFAULT.values(), *manifest.HIGH_ACCURACY.values()]
PICTURES = [natural(160 + 20 * i, 200 + 10 * i, i) for i in range(9)]
FILES = [encode(p, compress_level=1) for p in PICTURES]


def packaged(precision: str, *, high_accuracy: bool = False) -> ModelSpec:
    return manifest.choose_model(
        manifest.DEFAULT_PATH, 576, high_accuracy=high_accuracy, precision=precision, backend="cpu"
    )


def embed(backend, spec: ModelSpec, files: list[bytes]) -> np.ndarray:
    model = backend.open_model(spec)
    batch = backend.decode(as_encoded(files), PixelPlan(model.height, model.width))
    return backend.embed(model, batch)


def seen_by(backend, folder: Path, side: int) -> np.ndarray:
    """The model's input, u8[n, side, side, 3] RGB."""
    path = flatten(folder / f"flatten{side}.onnx", side, layout="NHWC")
    found = embed(backend, ModelSpec(path, 3 * side * side), FILES)
    return found.reshape(-1, side, side, 3)


def by_hand(path: Path, pixels: np.ndarray) -> np.ndarray:
    """Unit features of RGB pixels 0..255, one picture at a time."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    fed = pixels if given.shape[3] == 3 else pixels.transpose(0, 3, 1, 2)
    fed = fed.astype(np.uint8 if given.type == "tensor(uint8)" else np.float32)
    rows = [session.run(None, {given.name: picture[None]})[0][0] for picture in fed]
    return unit(np.array(rows))


def unit(rows: np.ndarray) -> np.ndarray:
    rows = rows.astype(np.float64)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (unit(a) * unit(b)).sum(1)


@pytest.mark.parametrize("entry", PACKAGED, ids=lambda e: e.filename)
def test_packaged_files_are_what_the_manifest_says(entry):
    path = manifest.FOLDER / entry.filename
    assert hashlib.sha256(path.read_bytes()).hexdigest() == entry.sha256


def test_the_documented_default_is_the_packaged_model():
    assert fastdup_gpu._api.model_path_full == manifest.DEFAULT_PATH


@pytest.mark.parametrize("high_accuracy", [False, True])
@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_packaged_models_give_what_onnxruntime_gives(backend, tmp_path, precision, high_accuracy):
    spec = packaged(precision, high_accuracy=high_accuracy)
    if backend.name == "cpu":
        spec = replace(spec, engine="onnxruntime")
    got = embed(backend, spec, FILES)
    assert got.dtype == np.float32
    assert got.shape == (len(FILES), 960 if high_accuracy else 576)
    expected = by_hand(spec.path, seen_by(backend, tmp_path, spec.height))
    least = tolerances.COSINE_FP32 if backend.name == "cpu" else tolerances.COSINE_FP16
    assert cosines(got, expected).min() >= least
    np.testing.assert_allclose(np.linalg.norm(got, axis=1), 1, atol=tolerances.UNIT_LENGTH)


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_openvino_gives_what_onnxruntime_gives(precision):
    pytest.importorskip("openvino", reason="the optional engine is not installed")
    backend = open_backend("cpu")
    spec = packaged(precision)
    one, other = (
        embed(backend, replace(spec, engine=engine), FILES)
        for engine in ("onnxruntime", "openvino")
    )
    least = tolerances.COSINE_FP32 if precision == "fp16" else tolerances.COSINE_INT8_ENGINES
    assert cosines(one, other).min() >= least


def test_an_engine_of_another_backend_is_refused():
    spec = replace(packaged("fp16"), engine="tensorrt")
    with pytest.raises(InvalidArgument, match="onnxruntime"):
        open_backend("cpu").open_model(spec)


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_the_batch_does_not_matter(backend, precision):
    spec = packaged(precision)
    whole = embed(backend, spec, FILES)
    alone = np.concatenate([embed(backend, spec, [data]) for data in FILES])
    assert cosines(whole, alone).min() >= tolerances.BATCH_COSINE


def test_a_batch_of_bad_pictures_has_no_rows(backend):
    assert embed(backend, packaged("fp16"), [b"", b"x"]).shape == (0, 576)


@pytest.mark.shared
@pytest.mark.parametrize("high_accuracy", [False, True])
def test_int8_and_fp16_features_can_be_mixed(backend, collection, high_accuracy):
    paths = sorted((collection("dups") / "images").iterdir())[::20]
    files = [path.read_bytes() for path in paths]
    fp16, int8 = (packaged(p, high_accuracy=high_accuracy) for p in ("fp16", "int8"))
    found = cosines(embed(backend, fp16, files), embed(backend, int8, files))
    assert found.mean() >= tolerances.COSINE_INT8


def test_a_packaged_file_named_by_its_path_is_used_in_the_same_way(backend, tmp_path):
    spec = packaged("fp16")
    link = tmp_path / "renamed.onnx"
    link.symlink_to(spec.path)
    own = manifest.choose_model(
        str(link), 576, high_accuracy=False, precision="auto", backend=backend.name
    )
    np.testing.assert_array_equal(embed(backend, own, FILES), embed(backend, spec, FILES))


KINDS = {
    "NCHW": {},
    "NHWC": {"layout": "NHWC"},
    "batch of 4": {"batch": 4},
    "batch of 1": {"batch": 1},
    "uint8": {"kind": TensorProto.UINT8},
    "uint8 NHWC, batch of 4": {"kind": TensorProto.UINT8, "layout": "NHWC", "batch": 4},
    "float16": {"kind": TensorProto.FLOAT16},
}


@pytest.mark.parametrize("name", KINDS)
def test_models_of_other_people(backend, tmp_path, name):
    path = mean_and_max(tmp_path / "own.onnx", 24, 40, **KINDS[name])
    model = backend.open_model(ModelSpec(path, 6))
    assert (model.height, model.width, model.dim) == (24, 40, 6)
    got = embed(backend, ModelSpec(path, 6), FILES)
    means = np.array([p.astype(np.float64).mean((0, 1)) for p in PICTURES])
    np.testing.assert_allclose(got[:, :3], means, rtol=tolerances.PLAIN_MODEL)
    assert (got[:, 3:] > got[:, :3]).all()
    assert got.max() <= 255


def test_an_output_of_four_dimensions_is_flattened(backend, tmp_path):
    path = pooled(tmp_path / "own.onnx", 16)
    got = embed(backend, ModelSpec(path, 3), FILES)
    means = np.array([p.astype(np.float64).mean((0, 1)) for p in PICTURES])
    np.testing.assert_allclose(got, means, rtol=tolerances.PLAIN_MODEL)


def test_channels_come_in_order_red_green_blue(backend, tmp_path):
    path = mean_and_max(tmp_path / "own.onnx", 16, 16)
    flat = np.full((30, 30, 3), (250, 120, 10), np.uint8)
    (got,) = embed(backend, ModelSpec(path, 6), [encode(flat)])
    np.testing.assert_array_equal(got, [250, 120, 10] * 2)


def test_free_sizes_are_taken_from_the_spec_or_are_224(backend, tmp_path):
    path = mean_and_max(tmp_path / "own.onnx", "h", "w")
    model = backend.open_model(ModelSpec(path, 6))
    assert (model.height, model.width) == (224, 224)
    model = backend.open_model(ModelSpec(path, 6, height=48, width=64))
    assert (model.height, model.width) == (48, 64)


def test_rows_are_normalised_only_where_the_spec_says_so(backend, tmp_path):
    path = mean_and_max(tmp_path / "own.onnx", 16, 16)
    plain = embed(backend, ModelSpec(path, 6), FILES)
    normal = embed(backend, ModelSpec(path, 6, normalize=True), FILES)
    np.testing.assert_allclose(normal, unit(plain), rtol=tolerances.STATS_RELATIVE)
    assert np.linalg.norm(plain, axis=1).min() > 2


def test_a_row_of_zeros_stays_one(backend, tmp_path):
    path = mean_and_max(tmp_path / "own.onnx", 16, 16)
    black = encode(np.zeros((20, 20, 3), np.uint8))
    (got,) = embed(backend, ModelSpec(path, 6, normalize=True), [black])
    np.testing.assert_array_equal(got, np.zeros(6))


def test_a_wrong_d_is_told_the_right_one(backend, tmp_path):
    path = mean_and_max(tmp_path / "own.onnx", 16, 16)
    with pytest.raises(ModelError, match=r"own\.onnx.*6.*576.*d=6"):
        backend.open_model(ModelSpec(path, 576))


def test_files_that_are_no_model(backend, tmp_path, capfd):
    path = tmp_path / "no.onnx"
    whole = mean_and_max(path, 8, 8).read_bytes()
    odd_name = whole.replace(b"ReduceMean", b"Reduce\xc3ean")
    for content in (b"", b"not a model", whole[:100], odd_name):
        path.write_bytes(content)
        with pytest.raises(ModelError, match=r"no\.onnx"):
            backend.open_model(ModelSpec(path, 6))
    assert capfd.readouterr().out == "", "onnxruntime prints where it falls back"


def test_models_that_take_no_pictures(backend, tmp_path):
    with pytest.raises(ModelError, match="2 inputs"):
        backend.open_model(ModelSpec(two_inputs(tmp_path / "two.onnx"), 192))
    for kind in (TensorProto.DOUBLE, TensorProto.INT32):
        path = mean_and_max(tmp_path / "kind.onnx", 8, 8, kind=kind)
        with pytest.raises(ModelError, match="expected float, float16 or uint8"):
            backend.open_model(ModelSpec(path, 6))


def test_a_model_path_that_is_no_file(tmp_path):
    for path in (tmp_path, tmp_path / "missing.onnx"):
        with pytest.raises(ModelError, match="is not a file"):
            manifest.choose_model(
                str(path), 6, high_accuracy=False, precision="auto", backend="cpu"
            )
