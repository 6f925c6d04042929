"""The arguments of run(): checked before anything is touched."""

from __future__ import annotations

import inspect
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import fastdup_gpu
from fastdup_gpu._config import make_config
from fastdup_gpu._errors import InvalidArgument
from fastdup_gpu.protocol import METRICS

DEFAULTS = {
    name: parameter.default
    for name, parameter in inspect.signature(fastdup_gpu.run).parameters.items()
} | {"input_dir": "pictures"}


def config(**given):
    return make_config(**DEFAULTS | given)


def test_documented_defaults():
    c = config()
    assert (c.threshold, c.lower_threshold, c.tuning.ccthreshold) == (0.9, 0.05, 0.96)
    assert (c.k, c.d, c.run_mode, c.compute) == (2, 576, 0, "cpu")
    assert (c.search.metric, c.search.mode, c.search.links) == ("cosine", "auto", 32)
    assert (c.min_offset, c.max_offset, c.num_images) == (0, 0, 0)
    assert not (c.resume or c.high_accuracy or c.verbose)
    assert c.threads >= 1
    assert c.arguments["input_dir"] == "pictures"


def test_numbers_may_be_of_numpy():
    c = config(
        nearest_neighbors_k=np.int64(5),
        num_images=np.uint16(7),
        threshold=np.float32(0.5),
        num_threads=np.int32(3),
        verbose=np.True_,
        resume=np.int64(1),
    )
    assert (c.k, c.num_images, c.threshold, c.threads) == (5, 7, 0.5, 3)
    assert c.search.threads == 3
    assert c.verbose is True
    assert c.resume is True
    assert type(c.k) is int


def test_flags_may_be_numbers():
    assert config(verbose=1, resume=True, high_accuracy=0).verbose is True


def test_search_parameters():
    c = config(nnf_mode="IVF50", nnf_param="num_em_iter=3,num_clusters=9", turi_param="seed=4")
    assert (c.search.mode, c.search.clusters, c.search.iterations) == ("ivf", 9, 3)
    assert c.search.seed == 4


@pytest.mark.parametrize(
    "value",
    [
        "a folder",
        Path("a folder"),
        ["a.jpg", "b.jpg"],
        ("a.jpg",),
        np.array(["a.jpg"]),
        pd.Series(["a.jpg"]),
        os.fsdecode(b"\xff.jpg"),
    ],
)
def test_inputs(value):
    for name in ("input_dir", "test_dir"):
        read = getattr(config(**{name: value}), name)
        assert isinstance(read, (str, list))
        assert list(map(str, value)) == read if isinstance(read, list) else str(value) == read


INTEGERS = {
    "num_threads": (-1, 4096),
    "num_images": (0, None),
    "nearest_neighbors_k": (1, 10_000),
    "d": (1, 1_000_000),
    "run_mode": (0, 4),
    "min_offset": (0, None),
    "max_offset": (0, None),
    "batch_size": (1, 199),
}


@pytest.mark.parametrize("name", INTEGERS)
@pytest.mark.parametrize("value", [True, 1.5, "2", None, [1], np.array([1])])
def test_whole_numbers_are_wanted(name, value):
    with pytest.raises(InvalidArgument, match=f"{name}=.*whole number"):
        config(**{name: value})


@pytest.mark.parametrize("name", INTEGERS)
def test_ranges_of_whole_numbers(name):
    low, high = INTEGERS[name]
    with pytest.raises(InvalidArgument, match=f"{name}={low - 1}"):
        config(**{name: low - 1})
    if high is not None:
        with pytest.raises(InvalidArgument, match=f"{name}={high + 1}.*to {high}"):
            config(**{name: high + 1})


@pytest.mark.parametrize("name", ["threshold", "lower_threshold"])
def test_thresholds(name):
    for value in (0, 1, 0.5):
        assert getattr(config(**{name: value}), name) == value
    for value in (-0.1, 1.1, True, "0.5", None, float("nan"), [0.5]):
        with pytest.raises(InvalidArgument, match=f"{name}=.*number from 0 to 1"):
            config(**{name: value})


@pytest.mark.parametrize("name", ["verbose", "resume", "high_accuracy"])
@pytest.mark.parametrize("value", [2, -1, "1", None, [], np.array([1, 0])])
def test_flags_that_are_none(name, value):
    with pytest.raises(InvalidArgument, match=f"{name}=.*True or False"):
        config(**{name: value})


@pytest.mark.parametrize(
    ("name", "known"),
    [("compute", ["cpu", "gpu", "auto"]), ("distance", METRICS), ("nn_provider", ["nnf"])],
)
def test_closed_lists_are_listed(name, known):
    for value in ("other", None, 3, ["cpu"]):
        with pytest.raises(InvalidArgument) as error:
            config(**{name: value})
        assert f"{name}={value!r}" in str(error.value)
        assert all(repr(k) in str(error.value) for k in known)


def test_unknown_words_in_the_small_languages():
    for name in ("turi_param", "nnf_param"):
        with pytest.raises(InvalidArgument, match=f"{name} key='colour'"):
            config(**{name: "colour=1"})
    with pytest.raises(InvalidArgument, match="nnf_mode='PQ'"):
        config(nnf_mode="PQ")


@pytest.mark.parametrize("metric", METRICS)
def test_distances_by_mode(metric):
    own = {"model_path": "own.onnx", "nnf_mode": "Flat"}
    assert config(distance=metric, **own).search.metric == metric
    if metric in ("cosine", "euclidean"):
        assert config(distance=metric).search.metric == metric
    else:
        with pytest.raises(InvalidArgument, match="nnf_mode='Flat'"):
            config(distance=metric)


@pytest.mark.parametrize(
    "name", ["work_dir", "model_path", "bounding_box", "input_dir", "test_dir"]
)
@pytest.mark.parametrize("value", [None, 5, object()])
def test_paths_and_texts(name, value):
    with pytest.raises(InvalidArgument, match=f"^{name}(=| is )"):
        config(**{name: value})


def test_arguments_that_do_not_fit_together():
    with pytest.raises(InvalidArgument, match=r"max_offset=3.*min_offset=3"):
        config(min_offset=3, max_offset=3)
    assert config(min_offset=3, max_offset=0).min_offset == 3
    with pytest.raises(InvalidArgument, match="work_dir is empty"):
        config(work_dir="")
    with pytest.raises(InvalidArgument, match=r"work_dir is a URL \(s3://\.\.\.\)"):
        config(work_dir="s3://bucket/out")
    with pytest.raises(InvalidArgument, match="give test_dir"):
        config(run_mode=3)
    for mode in (0, 1):
        with pytest.raises(InvalidArgument, match="input_dir is empty"):
            config(input_dir="", run_mode=mode)
    assert config(input_dir="", run_mode=2).run_mode == 2


def test_choices_that_would_do_nothing():
    for given, told in (
        ({"test_dir": []}, "test_dir is an empty list"),
        ({"turi_param": "face_model=a.onnx"}, "face_model, which needs bounding_box"),
        ({"turi_param": "detector_iou=0.5"}, "detector_iou, which needs bounding_box"),
    ):
        with pytest.raises(InvalidArgument, match=told):
            config(**given)


def test_d_must_be_that_of_the_built_in_model():
    assert config(high_accuracy=True).d == 576
    assert config(high_accuracy=True, d=960).d == 960
    assert config(d=128, model_path="own.onnx").d == 128
    assert config(d=128, run_mode=2).d == 128
    with pytest.raises(InvalidArgument, match=r"d=128.*576"):
        config(d=128)
    with pytest.raises(InvalidArgument, match=r"d=960.*high_accuracy=True"):
        config(d=960)
    with pytest.raises(InvalidArgument, match="d=960, but d=128"):
        config(d=128, high_accuracy=True)


def test_a_wrong_argument_touches_nothing(tmp_path):
    with pytest.raises(InvalidArgument):
        fastdup_gpu.run(str(tmp_path), str(tmp_path / "out"), threshold=2)
    assert not (tmp_path / "out").exists()


def test_distributions_are_not_what_the_built_in_models_give():
    with pytest.raises(InvalidArgument, match=r"jensenshannon.*built-in"):
        config(distance="jensenshannon", nnf_mode="Flat")
    assert config(distance="jensenshannon", nnf_mode="Flat", run_mode=2).run_mode == 2
    own = config(distance="jensenshannon", nnf_mode="Flat", model_path="own.onnx")
    assert own.search.metric == "jensenshannon"


def test_what_can_be_gone_through_once_is_a_list():
    made = config(input_dir=(name for name in ("a.jpg", "b.jpg")))
    assert made.input_dir == made.arguments["input_dir"] == ["a.jpg", "b.jpg"]


def test_long_values_are_cut_in_messages():
    for given in ({"compute": "x" * 10_000}, {"nearest_neighbors_k": np.zeros((50, 50))}):
        with pytest.raises(InvalidArgument) as error:
            config(**given)
        assert len(str(error.value)) < 500


@pytest.mark.parametrize("wrong", [{"work_dir": "o\0ut"}, {"compute": np.array(["cpu", "gpu"])}])
def test_odd_values_are_named_by_their_argument(tmp_path, wrong):
    (argument,) = wrong
    with pytest.raises(InvalidArgument, match=f"^{argument}="):
        make_config(**{"input_dir": "a", "work_dir": tmp_path, **wrong})
