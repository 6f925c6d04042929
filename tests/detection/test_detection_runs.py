"""run() with bounding_box='face' and 'yolov5s': what becomes of the boxes that are found."""

import io
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from detected import COLUMNS, NO_MARGIN, ROOT, boxes, found, four, save, settings
from making import features, header, rows, run
from onnx_detectors import RED, detector, picture
from PIL import Image

from fastdup_gpu._errors import InvalidArgument
from fastdup_gpu.detection import open_detector


def test_crops_of_what_is_found(here, model):
    four()
    assert run("in", Path("out"), **settings(model, *NO_MARGIN)) == 0
    assert header(Path("out/atrain_crops.csv")) == COLUMNS
    table = rows(Path("out/atrain_crops.csv"))
    assert [r["index"] for r in table] == ["0", "1", "2", "3"]
    assert [r["filename"] for r in table] == [
        "in/000.png",
        "in/001.png",
        "in/001.png",
        "in/003.png",
    ]
    assert [r["crop_filename"] for r in table] == [
        f"out/crops/000000{i}_{n}.jpg" for i, n in enumerate(("000", "001", "001", "003"))
    ]
    true = [(20, 30, 40, 50), (21, 30, 40, 50), (200, 120, 50, 40), (150, 63, 50, 50)]
    assert sorted(boxes()) == sorted(true)
    assert {r["label"] for r in table} == {"face", "1"}
    assert all(0.9 < float(r["score"]) <= 1 for r in table)
    stored = [r["filename"] for r in rows(Path("out/atrain_features.dat.csv"))]
    assert stored == [r["crop_filename"] for r in table]
    for row, (x, y, w, h) in zip(table, boxes(), strict=True):
        whole = Image.open(row["filename"]).convert("RGB").crop((x, y, x + w, y + h))
        cut = Image.open(row["crop_filename"])
        assert cut.size == (w, h)
        assert np.abs(np.asarray(cut, int) - np.asarray(whole, int)).mean() < 3
    counts = found()
    assert (counts["searched"], counts["detections"], counts["without_detection"]) == (4, 4, 1)


def test_the_surest_come_first(here, model):
    pale = (250, 60, 60)
    save("a.png", [(20, 20, 50, 50, pale), (200, 120, 50, 50, RED)])
    run("in", Path("out"), **settings(model, *NO_MARGIN))
    assert [b[0] for b in boxes()] == [200, 20]


@pytest.mark.parametrize(
    ("given", "across", "down"),
    [
        ((), 0.2, 0.2),
        (("augmentation_horiz=0", "augmentation_vert=0.5"), 0, 0.5),
        (("augmentation_horiz=1", "augmentation_vert=0"), 1, 0),
    ],
)
def test_margins_are_shares_of_the_sides_and_end_at_the_picture(here, model, given, across, down):
    save("a.png", [(100, 80, 40, 50, RED)])
    save("b.png", [(0, 150, 40, 50, RED)])
    assert run("in", Path("out"), **settings(model, *given)) == 0
    for (x, y, w, h), (tx, ty) in zip(boxes(), ((100, 80), (0, 150)), strict=True):
        left, right = max(tx - 40 * across, 0), min(tx + 40 + 40 * across, 300)
        top, bottom = max(ty - 50 * down, 0), min(ty + 50 + 50 * down, 200)
        assert np.abs(np.array([x, y, x + w, y + h]) - [left, top, right, bottom]).max() <= 1
        assert x >= 0 and y >= 0 and x + w <= 300 and y + h <= 200
    for row, (_, _, w, h) in zip(rows(Path("out/atrain_crops.csv")), boxes(), strict=True):
        assert Image.open(row["crop_filename"]).size == (w, h)


@pytest.mark.parametrize("value", ["-0.1", "1.1"])
@pytest.mark.parametrize(
    "key", ["augmentation_horiz", "augmentation_vert", "detector_confidence", "detector_iou"]
)
def test_shares_outside_of_0_to_1(here, model, key, value):
    with pytest.raises(InvalidArgument, match=f"{key}={value}: expected 0 to 1"):
        run("in", Path("out"), **settings(model, f"{key}={value}"))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_are_in_pixels_as_a_viewer_shows_them(here, model, orientation):
    upright = picture(300, 200, [(40, 110, 60, 40, RED)])
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(turns[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save("in/a.png", exif=exif)
    run("in", Path("out"), **settings(model, *NO_MARGIN))
    assert boxes() == [(40, 110, 60, 40)]


def test_what_cannot_be_read_is_listed_and_shifts_nothing(here, model, caplog):
    four()
    Path("in/0005.jpg").write_bytes(b"no picture")
    Path("in/001x.jpg").write_bytes(b"")
    assert run("in", Path("out"), **settings(model)) == 0
    table = rows(Path("out/atrain_crops.csv"))
    assert [r["index"] for r in table] == [str(i) for i in range(6)]
    empty = [i for i, r in enumerate(table) if r["width"] == "0"]
    assert [table[i]["filename"] for i in empty] == ["in/0005.jpg", "in/001x.jpg"]
    assert [(table[i]["label"], table[i]["score"]) for i in empty] == [("", "")] * 2
    bad = rows(Path("out/atrain_features.bad.csv"))
    assert [r["filename"] for r in bad] == [table[i]["crop_filename"] for i in empty]
    assert "2 item(s) could not be cropped; the first is in 'in/0005.jpg'" in caplog.text
    assert len(features(Path("out"))) == 4
    assert found()["without_detection"] == 1


def test_a_file_that_is_gone_when_it_is_read(here, model):
    four()
    Path("list.txt").write_text("in/000.png\nin/gone.png\nin/003.png\n")
    assert run("list.txt", Path("out"), **settings(model)) == 0
    assert [r["filename"] for r in rows(Path("out/atrain_crops.csv"))] == [
        "in/000.png",
        "in/gone.png",
        "in/003.png",
    ]
    assert len(rows(Path("out/atrain_features.bad.csv"))) == 1


def test_nothing_found_says_what_to_look_at(here, model, caplog):
    save("a.png", [])
    assert run("in", Path("out"), **settings(model)) == 1
    assert "squares.onnx found nothing in 1 images" in caplog.text
    assert "detector_confidence" in caplog.text


@pytest.mark.parametrize(("word", "key"), [("face", "face_model"), ("yolov5s", "yolo_model")])
def test_without_a_model_the_error_says_what_to_give(here, word, key):
    with pytest.raises(InvalidArgument, match=f"turi_param='{key}=/path/to/model.onnx'"):
        run("in", Path("out"), bounding_box=word)
    other = {"face_model": "yolo_model", "yolo_model": "face_model"}[key]
    with pytest.raises(InvalidArgument, match=key):
        run("in", Path("out"), bounding_box=word, turi_param=f"{other}=m.onnx")
    assert not Path("out").exists()


def test_yolov5s_takes_the_other_key(here, model):
    four()
    arguments = settings(model) | {"bounding_box": "yolov5s", "turi_param": f"yolo_model={model}"}
    assert run("in", Path("out"), **arguments) == 0
    assert {r["label"] for r in rows(Path("out/atrain_crops.csv"))} == {"0", "1"}
    stored = json.loads(Path("out/config.json").read_text())["detector"]
    assert (stored["confidence"], stored["iou"]) == (0.25, 0.45)


def test_a_model_that_is_none_fails_the_run(here, caplog):
    four()
    assert run("in", Path("out"), **settings("gone.onnx")) == 1
    assert "'gone.onnx' is not a file" in caplog.text
    embedding = next((ROOT / "fastdup_gpu" / "models").glob("*576*int8.onnx"))
    assert run("in", Path("out"), **settings(embedding)) == 1
    assert "is not a supported detector" in caplog.text


def test_a_box_csv_and_a_detector_exclude_each_other(here, model, caplog):
    four()
    Path("boxes.csv").write_text("filename,col_x,row_y,width,height\nin/000.png,0,0,50,50\n")
    with pytest.raises(InvalidArgument, match="give one of them"):
        run("boxes.csv", Path("out"), **settings(model))


def test_config_tells_what_searched(here, model):
    four()
    run("in", Path("out"), **settings(model, "detector_confidence=0.6", "detector_iou=0.3"))
    stored = json.loads(Path("out/config.json").read_text())["detector"]
    assert len(stored.pop("sha256")) == 64
    assert stored == {
        "file": "squares.onnx",
        "layout": "yolov8",
        "width": 160,
        "height": 160,
        "engine": "onnxruntime",
        "provider": "CPUExecutionProvider",
        "confidence": 0.6,
        "iou": 0.3,
    }


def test_a_missing_cuda_provider_is_said_and_recorded(model, caplog):
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has a CUDA provider")
    opened = open_detector(model, face=True, confidence=0.5, iou=0.4, cuda_device=0)
    assert opened.describe()["provider"] == "CPUExecutionProvider"
    assert "the detector runs on the CPU" in caplog.text


def test_a_name_of_a_class_may_hold_anything(here, tmp_path):
    names = {"names": "{0: 'a,b\\n\"c\"', 1: '=1+1'}"}
    odd = detector(tmp_path / "odd.onnx", "yolov8", 160, 160, window=64, metadata=names)
    four()
    assert run("in", Path("out"), **settings(odd)) == 0
    assert {r["label"] for r in rows(Path("out/atrain_crops.csv"))} == {'a,b\n"c"', "=1+1"}


def test_the_summary_counts_pictures_without_a_box(here, model, caplog):
    four(8)
    caplog.set_level(logging.INFO, "fastdup_gpu")
    done = subprocess.run(
        [
            sys.executable, "-m", "fastdup_gpu.cli", "run", "in", "out", "--bounding-box", "face",
            "--turi-param", f"face_model={model}",
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )  # fmt: skip
    assert done.stdout.startswith("8 images searched: 8 boxes found, 2 images without any\n")


@pytest.mark.parametrize("size", [(3000, 12), (12, 3000)])
def test_extreme_shapes(here, model, size):
    image = picture(*size, [])
    stream = io.BytesIO()
    image.save(stream, "PNG")
    Path("in/a.png").write_bytes(stream.getvalue())
    save("b.png", [(100, 80, 40, 50, RED)])
    assert run("in", Path("out"), **settings(model)) == 0
    assert found()["without_detection"] == 1
