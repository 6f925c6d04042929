"""Searching a run with the model its features came from, and with another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from making import photo, photos, run
from onnx_models import mean_and_max
from PIL import Image

import fastdup_gpu
from fastdup_gpu import searching
from fastdup_gpu.pictures import read_picture
from fastdup_gpu.protocol import PixelPlan
from fastdup_gpu.sources.queries import named_bytes


@pytest.fixture(scope="module")
def own_model_run(tmp_path_factory):
    """A run with a model that is not the built-in one: its pictures, work_dir and model."""
    root = tmp_path_factory.mktemp("own")
    paths = photos(root / "in", 6)
    model = mean_and_max(root / "own.onnx", 32, 32)
    assert run(root / "in", root / "out", model_path=model, d=6) == 0
    return paths, root / "out", model


def test_with_the_model_of_the_run(own_model_run):
    paths, out, model = own_model_run
    assert fastdup_gpu.init_search(2, out, d=6, model_path=model) == 0
    found = fastdup_gpu.search(paths[3])
    assert found["to"][0] == str(paths[3])
    assert found["distance"][0] == pytest.approx(1, abs=1e-6)


def test_without_the_model_of_the_run(own_model_run, caplog):
    _, out, _ = own_model_run
    assert fastdup_gpu.init_search(2, out, d=6) == 1
    assert "used the model 'own.onnx'" in caplog.text


def test_features_of_another_length_than_the_built_in_model_gives(tmp_path, caplog):
    features = np.random.default_rng(0).random((5, 8))
    assert fastdup_gpu.save_binary_feature(tmp_path, list("abcde"), features) == 0
    assert fastdup_gpu.run("", tmp_path, run_mode=2, d=8) == 0
    assert fastdup_gpu.init_search(2, tmp_path, d=8) == 1
    assert "have length 8, but the built-in model" in caplog.text


def opened(own_model_run, **arguments):
    _, out, model = own_model_run
    return fastdup_gpu.init_search(
        **{"k": 2, "work_dir": out, "d": 6, "model_path": model} | arguments
    )


def test_no_answer_from_the_run_before_after_a_failure(own_model_run, tmp_path):
    assert opened(own_model_run) == 0
    assert opened(own_model_run, work_dir=tmp_path / "none") == 1
    with pytest.raises(fastdup_gpu.InvalidArgument, match="no run is open"):
        fastdup_gpu.search(own_model_run[0][3])


def test_the_current_folder_may_change(own_model_run, tmp_path, monkeypatch):
    paths, out, _ = own_model_run
    (out / "search.csv").unlink(missing_ok=True)
    monkeypatch.chdir(out.parent)
    assert opened(own_model_run, work_dir="out") == 0
    monkeypatch.chdir(tmp_path)
    assert fastdup_gpu.search(paths[3])["to"][0] == str(paths[3])
    assert (out / "search.csv").is_file()
    assert not list(tmp_path.rglob("search.csv"))


def test_the_answer_comes_where_search_csv_cannot_be_written(own_model_run, monkeypatch, caplog):
    def refuse(*_):
        raise fastdup_gpu.WorkDirError("read-only")

    assert opened(own_model_run) == 0
    monkeypatch.setattr(searching, "write_csv", refuse)
    assert len(fastdup_gpu.search(own_model_run[0][3])) == 2
    assert "search.csv could not be written: read-only" in caplog.text


@pytest.mark.parametrize("arguments", [{"work_dir": None}, {"model_path": 5}, {"k": "x"}])
def test_wrong_arguments_of_init_search(own_model_run, arguments):
    with pytest.raises(fastdup_gpu.InvalidArgument, match=f"^{next(iter(arguments))}="):
        opened(own_model_run, **arguments)


@pytest.mark.parametrize(
    "form", [Path.read_bytes, Image.open, lambda path: np.asarray(Image.open(path).convert("RGB"))]
)
def test_images_that_are_in_memory(own_model_run, tmp_path, form):
    paths, _, _ = own_model_run
    path = tmp_path / "x.png"
    Image.open(paths[3]).save(path)
    assert opened(own_model_run, k=5) == 0
    wanted, found = fastdup_gpu.search(path), fastdup_gpu.search(form(path))
    assert found["to"].tolist() == wanted["to"].tolist()
    assert found["distance"].tolist() == wanted["distance"].tolist()
    assert set(found["from"]) == {"query"}


@pytest.mark.parametrize(
    "img",
    [
        np.zeros((9, 9, 4), np.uint8),
        np.zeros((20, 20, 3)),
        np.zeros((0, 3), np.uint8),
        np.zeros((0, 9, 3), np.uint8),
    ],
)
def test_arrays_that_are_no_images(own_model_run, img):
    assert opened(own_model_run) == 0
    with pytest.raises(fastdup_gpu.InvalidArgument, match=r"^img is an array of .*expected uint8"):
        fastdup_gpu.search(img)


def test_a_pillow_image_without_pixels(own_model_run):
    assert opened(own_model_run) == 0
    with pytest.raises(fastdup_gpu.InvalidArgument, match=r"^img has 0x5 pixels"):
        fastdup_gpu.search(Image.new("RGB", (0, 5)))


@pytest.mark.parametrize(
    "image",
    [
        photo(1),
        Image.fromarray(np.arange(400, dtype=np.uint16).reshape(20, 20) * 163),
        Image.fromarray(np.arange(400, dtype=np.int32).reshape(20, 20)),
        Image.fromarray(np.linspace(0, 1, 400, dtype=np.float32).reshape(20, 20)),
    ],
    ids=["turned", "16 bits", "integers", "floats"],
)
def test_images_of_pillow_count_as_their_files(tmp_path, image):
    path, exif = tmp_path / ("x.png" if image.mode == "RGB" else "x.tif"), Image.Exif()
    exif[0x0112] = 6
    image.save(path, exif=exif)
    _, load = named_bytes(Image.open(path))
    plan = PixelPlan(32, 32)
    np.testing.assert_array_equal(read_picture(load(), plan), read_picture(path.read_bytes(), plan))


def test_bytes_that_are_no_image(own_model_run):
    assert opened(own_model_run) == 0
    with pytest.raises(fastdup_gpu.InputError, match="'query' cannot be searched for"):
        fastdup_gpu.search(b"no image")


@pytest.mark.parametrize("img", [None, 5, ["a.jpg"], "a\0b"])
def test_what_is_no_picture_name(own_model_run, img):
    assert opened(own_model_run) == 0
    with pytest.raises(fastdup_gpu.InvalidArgument, match=r"^img="):
        fastdup_gpu.search(img)


def test_nearest_come_first_in_a_gallery_of_the_answer(own_model_run, tmp_path):
    """Of a metric where small is near; the table knows which run it is of."""
    paths, _, model = own_model_run
    out = tmp_path / "out"
    assert run(paths[0].parent, out, model_path=model, d=6, distance="euclidean") == 0
    assert opened(own_model_run, k=6, work_dir=out) == 0
    found = fastdup_gpu.search(paths[3])
    assert found["distance"][0] < found["distance"][5]
    assert fastdup_gpu.create_duplicates_gallery(found[1:], tmp_path / "page") == 0
    page = (tmp_path / "page" / "duplicates.html").read_text()
    places = [page.index(Path(name).name) for name in found["to"][1:]]
    assert places == sorted(places)
