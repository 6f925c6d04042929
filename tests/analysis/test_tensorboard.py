"""The projector files, loaded by the real TensorBoard where it is installed, and sprites."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fastdup_gpu as fastdup
from fastdup_gpu.analysis import tensorboard

from .made import HOSTILE, picture, work_dir

LOADER = """
import json, sys
from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
from tensorboard.plugins import base_plugin
from tensorboard.plugins.projector import projector_plugin
from werkzeug import test, wrappers

logdir = sys.argv[1]
multiplexer = plugin_event_multiplexer.EventMultiplexer()
context = base_plugin.TBContext(
    logdir=logdir,
    data_provider=data_provider.MultiplexerDataProvider(multiplexer, logdir),
    multiplexer=multiplexer,
)
apps = projector_plugin.ProjectorPlugin(context).get_plugin_apps()

def get(route, **query):
    answer = test.Client(apps[route], wrappers.Response).get(route, query_string=query)
    return answer.status_code, answer.get_data()

(run,) = json.loads(get("/runs")[1])
info = json.loads(get("/info", run=run)[1])
name = info["embeddings"][0]["tensorName"]
status, tensor = get("/tensor", run=run, name=name)
_, metadata = get("/metadata", run=run, name=name)
_, sprite = get("/sprite_image", run=run, name=name)
import struct
print(json.dumps({
    "status": status, "info": info,
    "tensor": struct.unpack(f"<{len(tensor) // 4}f", tensor),
    "metadata": metadata.decode(), "png": sprite[:4].hex(), "bytes": len(sprite),
}))
"""


def tensorboard_python():
    """A Python that has TensorBoard: this one, or the one that FASTDUP_TENSORBOARD_PYTHON names."""
    for python in filter(None, (sys.executable, os.environ.get("FASTDUP_TENSORBOARD_PYTHON"))):
        done = subprocess.run(
            [python, "-c", "import tensorboard"], capture_output=True, check=False
        )
        if done.returncode == 0:
            return python
    return None


@pytest.fixture
def run(tmp_path):
    names = [picture(tmp_path / f"{i}.png", i, (30, 20)) for i in range(7)]
    features = np.random.default_rng(0).normal(0, 1, (7, 5))
    return work_dir(tmp_path / "out", dict.fromkeys(names, 0), features=features)


def lines(path):
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]


def stored(run):
    return np.fromfile(run / "atrain_features.dat", "<f4").reshape(7, 5)


def test_the_real_tensorboard_loads_it(run, tmp_path):
    python = tensorboard_python()
    if python is None:
        pytest.skip("tensorboard is not installed")
    logs = tmp_path / "logs"
    assert fastdup.export_to_tensorboard_projector(run, logs, get_label_func=lambda _: "cat") == 0
    done = subprocess.run([python, "-c", LOADER, str(logs)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    found = json.loads(done.stdout.splitlines()[-1])
    (embedding,) = found["info"]["embeddings"]
    assert found["status"] == 200
    assert embedding["tensorShape"] == [7, 5]
    assert np.allclose(np.reshape(found["tensor"], (7, 5)), stored(run), rtol=1e-5)
    assert found["metadata"].splitlines()[0] == "label\tfilename"
    assert len(found["metadata"].splitlines()) == 8
    assert found["png"] == "89504e47"
    assert found["bytes"] == (logs / "sprite.png").stat().st_size
    assert embedding["sprite"]["singleImageDim"] == [100, 100]


def test_rows_of_all_files_belong_together(run, tmp_path):
    logs = tmp_path / "logs"
    labels = {str(tmp_path / f"{i}.png"): f"label {i}" for i in range(7)}
    assert fastdup.export_to_tensorboard_projector(run, logs, 4, get_label_func=labels) == 0
    header, *metadata = lines(logs / "metadata.tsv")
    assert header == ["label", "filename"]
    assert len(metadata) == 4
    features = np.array(lines(logs / "features.tsv"), float)
    sprite = np.asarray(Image.open(logs / "sprite.png"))
    assert sprite.shape == (200, 200, 3)
    for position, ((label, name), vector) in enumerate(zip(metadata, features, strict=True)):
        row = int(Path(name).stem)
        assert label == f"label {row}"
        assert np.allclose(vector, stored(run)[row], rtol=1e-5)
        y, x = divmod(position, 2)
        cell = sprite[100 * y + 50, 100 * x : 100 * x + 100].astype(float)
        middles = [np.asarray(Image.open(n).resize((100, 67)), float)[33] for n in labels]
        differences = [np.abs(cell - middle).mean() for middle in middles]
        assert int(np.argmin(differences)) == row


def test_sample_is_the_same_every_time_and_without_images(run, tmp_path):
    for name in ("one", "two"):
        fastdup.export_to_tensorboard_projector(run, tmp_path / name, 3, with_images=False)
    written = [(tmp_path / n / "metadata.tsv").read_bytes() for n in ("one", "two")]
    assert written[0] == written[1]
    assert not (tmp_path / "one" / "sprite.png").exists()
    assert "sprite" not in (tmp_path / "one" / "projector_config.pbtxt").read_text()


def test_file_list_tells_where_pictures_are_now(run, tmp_path):
    (tmp_path / "moved").mkdir()
    for i in range(7):
        (tmp_path / f"{i}.png").rename(tmp_path / "moved" / f"{i}.png")
    files = [str(tmp_path / "moved" / f"{i}.png") for i in range(7)]
    assert fastdup.export_to_tensorboard_projector(run, tmp_path / "l", file_list=files) == 0
    assert [row[1] for row in lines(tmp_path / "l" / "metadata.tsv")[1:]] == files
    labels = {name: f"label {i}" for i, name in enumerate(files)}
    for given in (labels, list(labels.values())):
        fastdup.export_to_tensorboard_projector(
            run, tmp_path / "l", 3, file_list=files, get_label_func=given
        )
        assert all(
            label == labels[name] for label, name in lines(tmp_path / "l" / "metadata.tsv")[1:]
        )
    with pytest.raises(fastdup.InvalidArgument, match="6 names for 7"):
        fastdup.export_to_tensorboard_projector(run, tmp_path / "l", file_list=files[1:])


def test_wrong_arguments(run, tmp_path):
    with pytest.raises(fastdup.InvalidArgument, match="sample_method='first'"):
        fastdup.export_to_tensorboard_projector(run, tmp_path, sample_method="first")
    with pytest.raises(fastdup.InvalidArgument, match="sample_size=0"):
        fastdup.export_to_tensorboard_projector(run, tmp_path, sample_size=0)
    with pytest.raises(fastdup.InvalidArgument, match="log_dir=None: expected a path"):
        fastdup.export_to_tensorboard_projector(run, None)
    with pytest.raises(fastdup.InvalidArgument, match="file_list is a int; expected a list"):
        fastdup.export_to_tensorboard_projector(run, tmp_path, file_list=5)
    assert fastdup.export_to_tensorboard_projector(run, tmp_path, d=9) == 1
    assert fastdup.export_to_tensorboard_projector(tmp_path / "none", tmp_path) == 1


def test_names_keep_to_their_cells(tmp_path):
    names = [picture(tmp_path / "in" / name, i) for i, name in enumerate(HOSTILE)]
    found = work_dir(tmp_path / "out", dict.fromkeys(names, 0))
    labels = dict.fromkeys(names, "tab\there\nand line")
    assert (
        fastdup.export_to_tensorboard_projector(found, tmp_path / "l", get_label_func=labels) == 0
    )
    rows = (tmp_path / "l" / "metadata.tsv").read_text(encoding="utf-8").split("\n")
    assert [row.count("\t") for row in rows] == [1] * (len(HOSTILE) + 1) + [0]


def sprite(tmp_path, count, **options):
    files = [picture(tmp_path / "s" / f"{i}.png", i, (30, 20)) for i in range(count)]
    path, labels = fastdup.generate_sprite_image(files, count, tmp_path / "logs", **options)
    return Image.open(path), labels, files


@pytest.mark.parametrize(("count", "side"), [(1, 1), (2, 2), (4, 2), (5, 3), (9, 3), (10, 4)])
def test_grid_is_square(tmp_path, count, side):
    image, labels, files = sprite(tmp_path, count, h=12, w=16)
    assert image.size == (16 * side, 12 * side)
    assert labels == files


def test_sizes_and_names_of_a_sprite(tmp_path):
    image, _, _ = sprite(tmp_path, 5, w=10, alternative_width=5)
    assert image.size == (50, 10)
    image, _, _ = sprite(tmp_path, 4, max_width=60)
    assert image.size == (60, 60)
    path, labels = fastdup.generate_sprite_image(
        [tmp_path / "s" / "0.png"] * 3,
        2,
        tmp_path,
        lambda _: ["a", "b"],
        alternative_filename="x.jpg",
    )
    assert Image.open(path).format == "JPEG"
    assert (path, labels) == (str(tmp_path / "x.jpg"), ["a, b", "a, b"])


def test_sprite_at_a_path_of_its_own(tmp_path):
    name = picture(tmp_path / "a.png")
    path, _ = fastdup.generate_sprite_image(
        [name], 1, tmp_path / "logs", alternative_filename=tmp_path / "new" / "sprite.png"
    )
    assert path == str(tmp_path / "new" / "sprite.png")
    assert Image.open(path).format == "PNG"


def test_limit_of_tensorboard_is_kept(tmp_path, monkeypatch):
    assert tensorboard.MAX_SIDE == 8192
    monkeypatch.setattr(tensorboard, "MAX_SIDE", 64)
    name = picture(tmp_path / "a.png")
    path, _ = fastdup.generate_sprite_image([name] * 30, 30, tmp_path, h=20, w=40)
    assert Image.open(path).size == (60, 30)
    with pytest.raises(fastdup.InvalidArgument, match="smaller sample_size"):
        fastdup.generate_sprite_image([name] * 5000, 5000, tmp_path)


def test_picture_that_cannot_be_read_leaves_its_cell_white(tmp_path, caplog):
    files = [
        picture(tmp_path / "0.png", 0),
        str(tmp_path / "none.png"),
        picture(tmp_path / "2.png"),
    ]
    path, _ = fastdup.generate_sprite_image(files, 3, tmp_path, h=10, w=10)
    pixels = np.asarray(Image.open(path))
    assert (pixels[:10, 10:] == 255).all()
    assert not (pixels[:10, :10] == 255).all()
    assert not (pixels[10:, :10] == 255).all()
    assert "none.png" in caplog.text


def test_a_label_file_is_as_long_as_the_list_of_pictures(tmp_path):
    files = [picture(tmp_path / "s" / f"{i}.png", i) for i in range(5)]
    path = tmp_path / "labels.csv"
    path.write_text("index,label\n" + "".join(f"{i},L{i}\n" for i in range(5)))
    for given in (path, [f"L{i}" for i in range(5)]):
        _, labels = fastdup.generate_sprite_image(files, 3, tmp_path / "logs", given)
        assert labels == ["L0", "L1", "L2"]
    with pytest.raises(fastdup.InvalidArgument, match="3 labels, but 5 were expected"):
        fastdup.generate_sprite_image(files, 3, tmp_path / "logs", ["L0", "L1", "L2"])


def test_one_name_is_a_list_of_one(tmp_path):
    name = picture(tmp_path / "a.png")
    assert fastdup.generate_sprite_image(name, 9, tmp_path / "logs")[1] == [name]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"img_list": None}, "img_list is a NoneType; expected a list of file names"),
        ({"img_list": [None]}, r"img_list\[0\]=None: expected a path"),
        ({"max_width": "x"}, "max_width='x': expected a whole number"),
        ({"max_width": -5}, "max_width=-5: expected a whole number of 0 or more"),
        ({"log_dir": None}, "log_dir=None: expected a path"),
        ({"h": "x"}, "h='x'"),
    ],
)
def test_wrong_arguments_of_a_sprite(tmp_path, options, told):
    given = {"img_list": [picture(tmp_path / "a.png")], "sample_size": 3, "log_dir": tmp_path / "l"}
    with pytest.raises(fastdup.InvalidArgument, match=told):
        fastdup.generate_sprite_image(**{**given, **options})
    assert not (tmp_path / "l").exists()


def test_empty_list(tmp_path):
    with pytest.raises(fastdup.InvalidArgument, match="img_list"):
        fastdup.generate_sprite_image([], 3, tmp_path)


def test_a_sprite_of_chosen_columns_is_no_larger_than_tensorboard_loads(tmp_path):
    names = [picture(tmp_path / f"{n}.png", n) for n in range(5)]
    path, _ = fastdup.generate_sprite_image(
        names, 5, tmp_path / "s", h=4096, w=100, alternative_width=3
    )
    assert Image.open(path).size == (300, 8192)


def test_labels_with_stray_surrogates_are_written(tmp_path):
    names = [picture(tmp_path / "a.png")]
    found = work_dir(tmp_path / "out", dict.fromkeys(names, 0))
    fastdup.export_to_tensorboard_projector(
        found, tmp_path / "tb", get_label_func={names[0]: "x\ud800"}, with_images=False, d=1
    )
    assert (tmp_path / "tb" / "metadata.tsv").read_text().splitlines()[1].startswith("x?\t")
