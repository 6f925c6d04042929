"""What cannot end well is said before anything is extracted or removed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from making import contents, photos, run
from onnx_models import mean_and_max, pooled

import fastdup_gpu
from fastdup_gpu._errors import InvalidArgument
from fastdup_gpu.models.manifest import DEFAULT, FOLDER


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Seven pictures, two new ones, and a whole run."""
    root = tmp_path_factory.mktemp("ahead")
    photos(root / "in", 7)
    photos(root / "new", 2, first=5)
    assert run(root / "in", root / "out") == 0
    return root


@pytest.fixture
def out(whole, tmp_path):
    """A copy of the run, which has to be the same at the end of the test."""
    folder = shutil.copytree(whole / "out", tmp_path / "out")
    before = contents(folder), (folder / "config.json").read_bytes()
    yield folder
    assert (contents(folder), (folder / "config.json").read_bytes()) == before


@pytest.mark.parametrize("mode", ["CAGRA", "cagra", "NNDescent", "IVF8,PQ"])
@pytest.mark.parametrize("run_mode", [0, 2])
def test_indices_of_the_gpu(whole, out, mode, run_mode):
    words = rf"nnf_mode='{mode}' needs compute='gpu'; on the CPU: HNSW<links>, Flat, IVF<clusters>"
    with pytest.raises(InvalidArgument, match=words):
        run(whole / "new", out, nnf_mode=mode, run_mode=run_mode)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"distance": "euclidean"}, r"distance='euclidean'.*built for 'cosine'"),
        ({"high_accuracy": True}, r"come from the model 'ndembed_lite0.*would come from 'ndembed"),
    ],
)
def test_mode_3_with_other_arguments_than_the_index(whole, out, arguments, words):
    with pytest.raises(InvalidArgument, match=words):
        run("", out, test_dir=str(whole / "new"), run_mode=3, **arguments)


def test_mode_3_with_another_model(whole, out, tmp_path):
    model = mean_and_max(tmp_path / "mine.onnx", 8, 8)
    with pytest.raises(InvalidArgument, match=r"'ndembed_lite0_576_\w+\.onnx'.*'mine\.onnx'"):
        run("", out, test_dir=str(whole / "new"), run_mode=3, model_path=str(model), d=6)
    own = tmp_path / "own"
    assert run(whole / "in", own, model_path=str(model), d=6) == 0
    before = contents(own)
    with pytest.raises(InvalidArgument, match=r"'mine\.onnx'.*'ndembed_lite0_576_\w+\.onnx'"):
        run("", own, test_dir=str(whole / "new"), run_mode=3)
    other = pooled(tmp_path / "other.onnx", 8)
    (own / "config.json").write_text("{}")  # nothing tells of the model
    with pytest.raises(InvalidArgument, match=r"have length 6.*'other\.onnx'.*length 3"):
        run("", own, test_dir=str(whole / "new"), run_mode=3, model_path=str(other), d=3)
    assert contents(own) == before


@pytest.mark.parametrize("precision", ["int8", "fp16"])
def test_mode_3_takes_the_built_in_model_in_another_precision(whole, tmp_path, precision):
    folder, test = shutil.copytree(whole / "out", tmp_path / "out"), str(whole / "new")
    before = json.loads((folder / "config.json").read_text())["model"]
    wanted = f"model_precision={precision}"
    assert run("", folder, test_dir=test, run_mode=3, turi_param=wanted) == 0
    by_path = str(FOLDER / DEFAULT[precision].filename)
    assert run("", folder, test_dir=test, run_mode=3, model_path=by_path) == 0
    assert json.loads((folder / "config.json").read_text())["model"] == before


def test_joined_features_keep_their_model(whole, tmp_path):
    model = mean_and_max(tmp_path / "mine.onnx", 8, 8)
    arguments = {"run_mode": 1, "model_path": str(model), "d": 6}
    assert run(whole / "in", tmp_path / "n0", **arguments) == 0
    assert run(whole / "new", tmp_path / "n1", **arguments) == 0
    assert run([str(tmp_path / "n0"), str(tmp_path / "n1")], tmp_path / "o", run_mode=2) == 0
    with pytest.raises(InvalidArgument, match=r"'mine\.onnx'"):
        run("", tmp_path / "o", test_dir=str(whole / "new"), run_mode=3)


def test_mode_3_without_an_index_extracts_nothing(whole, tmp_path, caplog):
    folder = shutil.copytree(whole / "out", tmp_path / "out")
    (folder / "nnf.index").unlink()
    assert run("", folder, test_dir=str(whole / "new"), run_mode=3) == 1
    assert "nnf.index does not exist" in caplog.text
    assert not (folder / "atest_features.dat").exists()
    assert (folder / "similarity.csv").exists()


@pytest.mark.parametrize("run_mode", [0, 1, 3])
@pytest.mark.parametrize("given", ["/typo", "empty"])
def test_a_test_dir_without_pictures(whole, out, tmp_path, caplog, given, run_mode):
    (tmp_path / "empty").mkdir()
    assert run(whole / "new", out, test_dir=str(tmp_path / given), run_mode=run_mode) == 1
    assert caplog.records[-1].message.startswith("test_dir")


def test_a_test_dir_that_is_none(whole, out):
    with pytest.raises(InvalidArgument, match=r"^test_dir\[0\]=5"):
        run(whole / "new", out, test_dir=[5])


def test_an_empty_model_path(whole, out, tmp_path):
    with pytest.raises(InvalidArgument, match="model_path is empty"):
        run(whole / "new", out, model_path="")


@pytest.mark.parametrize(
    ("work_dir", "words"), [("", "work_dir is empty"), (None, "work_dir=None")]
)
def test_a_work_dir_that_is_none(whole, tmp_path, monkeypatch, work_dir, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidArgument, match=words):
        fastdup_gpu.run(str(whole / "in"), work_dir)
    with pytest.raises(InvalidArgument, match=words):
        fastdup_gpu.Session(work_dir)
    assert not list(Path().iterdir())
