"""turi_param, nnf_mode and nnf_param: what is read, and what is refused in which words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fastdup_gpu._arguments import path_text, real_number, whole_number
from fastdup_gpu._errors import InvalidArgument
from fastdup_gpu._params import (
    NnfMode,
    Tuning,
    parse_nnf_mode,
    parse_nnf_param,
    parse_turi,
)

DOCUMENTED = {
    "ccthreshold": ("0.99", 0.99),
    "run_cc": ("0", False),
    "run_pagerank": ("0", False),
    "run_stats": ("0", False),
    "run_advanced_stats": ("1", True),
    "min_file_size": ("1000", 1000),
    "tar_only": ("1", True),
    "delete_tar": ("1", True),
    "delete_img": ("1", True),
    "sync_s3_to_local": ("1", True),
    "augmentation_horiz": ("0.5", 0.5),
    "augmentation_vert": ("0", 0.0),
    "keyframes_only": ("0", False),
    "video_decoder": ("cuda", "cuda"),
    "nnmodel": ("1", 1),
    "global_log_error_level": ("2", 2),
    "model_precision": ("int8", "int8"),
    "seed": ("7", 7),
}


@pytest.mark.parametrize("key", DOCUMENTED)
def test_turi_keys(key):
    text, value = DOCUMENTED[key]
    read = getattr(parse_turi(f"{key}={text}"), key)
    assert read == value
    assert type(read) is type(value)


def test_turi_defaults_and_several_keys():
    assert parse_turi("") == parse_turi("nnmodel=0") == parse_turi(" , ") == Tuning()
    read = parse_turi(" ccthreshold = 0.5 ,run_cc=0,,min_file_size=10,")
    assert (read.ccthreshold, read.run_cc, read.min_file_size) == (0.5, False, 10)
    assert parse_turi("run_cc=False,run_stats=TRUE").run_cc is False


def test_an_unknown_turi_key_lists_the_known_ones():
    with pytest.raises(InvalidArgument) as error:
        parse_turi("ccthreshold=0.9,cctreshold=0.9")
    assert "turi_param key='cctreshold'" in str(error.value)
    assert all(repr(key) in str(error.value) for key in DOCUMENTED)


@pytest.mark.parametrize(
    "text",
    [
        "ccthreshold",
        "ccthreshold=",
        "=0.9",
        "ccthreshold=high",
        "ccthreshold=1.5",
        "ccthreshold=-0.1",
        "ccthreshold=nan",
        "ccthreshold=inf",
        "run_cc=2",
        "run_cc=yes",
        "keyframes_only=2",
        "min_file_size=1.5",
        "min_file_size=-1",
        "seed=-1",
        "augmentation_horiz=2",
        "model_precision=fp8",
        "delete_img=2",
        "delete_tar=yes",
        "sync_s3_to_local=-1",
        "run_stats=0,run_advanced_stats=1",
        "nnmodel=3",
        "seed=1,seed=2",
    ],
)
def test_turi_values_that_cannot_be(text):
    with pytest.raises(InvalidArgument, match=text.split("=")[0] or "key=''"):
        parse_turi(text)


@pytest.mark.parametrize("value", [None, 5, {"ccthreshold": 0.9}, ["run_cc=1"], b"run_cc=1"])
def test_turi_and_nnf_param_are_text(value):
    for argument, parse in (("turi_param", parse_turi), ("nnf_param", parse_nnf_param)):
        with pytest.raises(InvalidArgument, match=f"{argument} is {type(value).__name__}"):
            parse(value)


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("HNSW32", NnfMode("auto", links=32)),
        ("HNSW", NnfMode("auto", links=32)),
        ("hnsw64", NnfMode("hnsw", links=64)),
        ("Flat", NnfMode("flat")),
        ("FLAT", NnfMode("flat")),
        ("IVF", NnfMode("ivf")),
        ("IVF100", NnfMode("ivf", clusters=100)),
        ("IVF100,Flat", NnfMode("ivf", clusters=100)),
        ("IVF100Flat", NnfMode("ivf", clusters=100)),
        ("IVF,Flat", NnfMode("ivf")),
    ],
)
def test_nnf_modes(text, mode):
    assert parse_nnf_mode(text) == mode


@pytest.mark.parametrize("text", ["", "LSH", "HNSW32x", "IVF100,PQ8", "Flat ", "IVF" + 5000 * "9"])
def test_an_unknown_nnf_mode_lists_the_known_ones(text):
    with pytest.raises(InvalidArgument, match=r"HNSW<links>.*Flat.*IVF<clusters>"):
        parse_nnf_mode(text)


@pytest.mark.parametrize("text", ["HNSW0", "HNSW1", "HNSW513"])
def test_hnsw_links_have_a_range(text):
    with pytest.raises(InvalidArgument, match="2 to 512"):
        parse_nnf_mode(text)


def test_nnf_mode_is_text():
    with pytest.raises(InvalidArgument, match="nnf_mode is int"):
        parse_nnf_mode(32)


def test_nnf_param():
    assert parse_nnf_param("") == {}
    assert parse_nnf_param("num_em_iter=5, num_clusters=7") == {"num_em_iter": 5, "num_clusters": 7}
    with pytest.raises(InvalidArgument, match=r"clusters.*num_em_iter.*num_clusters"):
        parse_nnf_param("clusters=7")
    for text in ("num_em_iter=0", "num_em_iter=-1", "num_clusters=many", "num_clusters=1.5"):
        with pytest.raises(InvalidArgument, match=text.split("=")[0]):
            parse_nnf_param(text)


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3), np.array(3)])
def test_whole_numbers_of_every_kind(value):
    read = whole_number("k", value, 1, 5)
    assert (read, type(read)) == (3, int)


@pytest.mark.parametrize(
    "value",
    [True, np.True_, 3.0, np.float32(3), "3", None, [3], np.array([3]), int, 0, 6, -(2**70)],
)
def test_what_is_no_whole_number_in_range(value):
    with pytest.raises(InvalidArgument, match=r"k=.*whole number from 1 to 5"):
        whole_number("k", value, 1, 5)


@pytest.mark.parametrize("mode", ["CAGRA", "IVF64,PQ", "NNDescent"])
def test_modes_of_the_gpu_are_refused_by_the_cpu(tmp_path, mode):
    from making import photos, run

    photos(tmp_path / "in", 3)
    with pytest.raises(InvalidArgument, match="nnf_mode"):
        run(tmp_path / "in", tmp_path / "out", nnf_mode=mode)


def test_choices_of_the_gpu_are_refused_by_the_cpu(tmp_path):
    from making import photos, run

    photos(tmp_path / "in", 3)
    with pytest.raises(InvalidArgument, match="compute='gpu'"):
        run(tmp_path / "in", tmp_path / "out", turi_param="decoder=dali")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("value", [0, 0.5, np.float32(0.5), np.int64(2), float("inf")])
def test_numbers_of_every_kind(value):
    read = real_number("threshold", value)
    assert isinstance(read, float)
    assert read == value


@pytest.mark.parametrize("value", [None, "0.5", True, float("nan"), [0.5], 1j])
def test_what_is_no_number(value):
    with pytest.raises(InvalidArgument, match=r"^threshold=.*expected a number"):
        real_number("threshold", value)


def test_paths_as_text():
    assert path_text("save_path", Path("a") / "b") == path_text("save_path", "a/b") == "a/b"


@pytest.mark.parametrize("value", [None, 5, b"a", ["a"], "a\0b"])
def test_what_is_no_path(value):
    with pytest.raises(InvalidArgument, match=r"^save_path=.*expected a path"):
        path_text("save_path", value)
