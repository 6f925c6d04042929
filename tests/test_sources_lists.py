"""Inputs that name pictures: text files, csvs, yamls, Python sequences."""

import logging
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fastdup_gpu._errors import InputError
from fastdup_gpu.sources import open_source


def put(path: Path, content: bytes | None = None) -> str:
    """A file whose bytes name it, so that a mix-up shows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.fsencode(path.name) if content is None else content)
    return str(path)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(given, work_dir="work", **options):
    return list(open_source(given, work_dir=Path(work_dir), **options).names)


def test_list_file_is_taken_literally(here):
    rows = [
        b"pics/a.jpg",
        b" lead.jpg",
        b'"quoted".jpg',
        b"odd.xyz",
        b"f\xff.jpg",
        b"x\xe2\x80\xa8y",
    ]
    put(here / "list.txt", b"\xef\xbb\xbf" + b"\r\n".join(rows) + b"\r\n\r\n   \n")
    assert names("list.txt") == [os.fsdecode(row) for row in rows]


def test_a_header_filename_is_skipped_only_where_it_is_first(here):
    put(here / "list.txt", b"filename\na.jpg\nfilename\n")
    assert names("list.txt") == ["a.jpg", "filename"]


def test_relative_rows_are_looked_for_here_then_beside_the_list(here):
    put(here / "both.jpg")
    put(here / "lists/both.jpg")
    put(here / "lists/beside.jpg")
    put(here / "lists/list.txt", b"both.jpg\nbeside.jpg\nnowhere.jpg\n")
    assert names("lists/list.txt") == ["both.jpg", "lists/beside.jpg", "nowhere.jpg"]


def test_missing_files_keep_their_place(here):
    put(here / "b.jpg")
    source = open_source(["a.jpg", "b.jpg", ""], work_dir=here)
    assert source.names == ["a.jpg", "b.jpg", ""]
    assert source.load(1) == b"b.jpg"
    for gone in (0, 2):
        with pytest.raises(FileNotFoundError):
            source.load(gone)


def test_doubles_stay_with_one_warning(here, caplog):
    assert names(["a.jpg", "b.jpg", "a.jpg", "a.jpg"]) == ["a.jpg", "b.jpg", "a.jpg", "a.jpg"]
    assert len(caplog.records) == 1
    assert caplog.records[0].levelno == logging.WARNING
    assert "2 image(s) more than once" in caplog.text


@pytest.mark.parametrize(
    "make", [list, tuple, iter, np.array, pd.Series, lambda x: np.array(x, object)]
)
def test_python_sequences(here, make):
    for name in ["f/2.jpg", "f/1.jpg", "z.xyz"]:
        put(here / name)
    assert names(make(["z.xyz", "f", "a.jpg"])) == ["z.xyz", "f/1.jpg", "f/2.jpg", "a.jpg"]


def test_paths_and_bytes_in_a_list(here):
    assert names([Path("a.jpg"), b"b\xff.jpg"]) == ["a.jpg", os.fsdecode(b"b\xff.jpg")]


def test_folders_in_a_list_file_are_walked(here):
    put(here / "d/a.jpg")
    put(here / "d/notes.txt")
    put(here / "list.txt", b"x.jpg\nd\n")
    assert names("list.txt") == ["x.jpg", "d/a.jpg"]


def test_csv_of_names(here):
    put(here / "f.csv", b'index,filename\r\n0,a.jpg\r\n1,"b,1.jpg"\r\n2,"c\n2.jpg"\r\n')
    assert names("f.csv") == ["a.jpg", "b,1.jpg", "c\n2.jpg"]


def test_a_statistics_csv_is_a_list_of_names(here):
    put(here / "s.csv", b"index,filename,width,height\n0,a.jpg,20,30\n")
    assert names("s.csv") == ["a.jpg"]


def test_a_comma_in_the_first_name_makes_no_csv(here):
    put(here / "other.txt", b"my_filename,1.jpg\nb.jpg\n")
    assert names("other.txt") == ["my_filename,1.jpg", "b.jpg"]


def yolo(here, text):
    for name in ["data/images/train/1.jpg", "data/images/val/2.jpg", "data/more/3.jpg"]:
        put(here / name)
    put(here / "data/d.yaml", text.encode())
    return names("data/d.yaml")


def test_yaml_takes_train_val_test_in_this_order(here):
    found = yolo(here, "path: .\ntest: more\nval: images/val\ntrain: images/train\nnc: 1\n")
    assert found == ["data/images/train/1.jpg", "data/images/val/2.jpg", "data/more/3.jpg"]


def test_yaml_with_a_path_a_list_and_one_part(here):
    assert yolo(here, "path: images\ntrain: [val, train]\n") == [
        "data/images/val/2.jpg",
        "data/images/train/1.jpg",
    ]
    assert yolo(here, f"path: {here}/data\nval: images/val\n") == [f"{here}/data/images/val/2.jpg"]
    assert yolo(here, "path: data/images\nval: val\n") == ["data/images/val/2.jpg"]


def test_yaml_beside_the_folders_that_it_looks_for_above(here):
    """As exported by Roboflow; yolov5 then leaves out the `../`."""
    put(here / "data/train/images/a.jpg")
    put(here / "data/valid/images/b.jpg")
    text = "train: ../train/images\nval: ../valid/images\n"
    assert yolo(here, text) == ["data/train/images/a.jpg", "data/valid/images/b.jpg"]
    put(here / "train/images/c.jpg")  # where it says
    assert yolo(here, text) == ["data/../train/images/c.jpg", "data/valid/images/b.jpg"]


def test_a_folder_named_like_a_yaml_is_a_folder(here):
    inside = put(here / "data.yaml" / "a.jpg")
    assert names(here / "data.yaml") == [inside]


def test_yaml_with_a_list_file(here):
    put(here / "data/train.txt", b"./images/train/1.jpg\n./more/3.jpg\n")
    assert yolo(here, "train: train.txt\n") == ["data/./images/train/1.jpg", "data/./more/3.jpg"]


def test_yaml_warns_of_missing_parts_and_refuses_where_all_are(here, caplog):
    assert yolo(here, "train: images/train\ntest: gone\n") == ["data/images/train/1.jpg"]
    assert "1 of" in caplog.text
    with pytest.raises(InputError, match="gone"):
        yolo(here, "train: gone\n")


@pytest.mark.parametrize(
    "text", ["- a\n", "a: [", "", "train: d.yaml\n", "x: !!python/object:os.x"]
)
def test_odd_yamls(here, text):
    if text.startswith("train"):
        assert yolo(here, text) == ["train: d.yaml"]  # not followed: taken as a list file
    else:
        with pytest.raises(InputError, match="yaml"):
            yolo(here, text)
