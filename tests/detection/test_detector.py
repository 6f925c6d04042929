"""Detectors that find squares by their pixels, in every layout, against where the squares are."""

import cv2
import numpy as np
import onnx
import onnx_models
import pytest
from onnx import TensorProto, helper
from onnx_detectors import BLUE, LAYOUTS, RED, detector, picture

from fastdup_gpu._errors import InvalidArgument, ModelError
from fastdup_gpu.detection import open_detector

ONE_CLASS = ("yunet", "scrfd", "retinaface", "ultraface")
# Red ones stand in a corner, at the right edge and alone; the last is another class.
SQUARES = [
    (0, 0, 60, 50, RED),
    (440, 110, 60, 40, RED),
    (60, 220, 40, 60, RED),
    (250, 120, 60, 60, BLUE),
]


def opened(path, **options):
    wanted = {"face": False, "confidence": 0.5, "iou": 0.45} | options
    return open_detector(path, **wanted)


def assert_found(found, squares, *, within=1.0):
    """Each square once, its edges to a pixel."""
    truth = np.array([(x, y, x + w, y + h) for x, y, w, h, _ in squares], float)
    boxes = np.array([(d.x1, d.y1, d.x2, d.y2) for d in found]).reshape(-1, 4)
    assert len(boxes) == len(truth)
    away = np.abs(boxes[:, None] - truth[None]).max(2)
    assert sorted(away.argmin(1)) == list(range(len(truth)))
    assert away.min(1).max() <= within


def wanted(layout):
    return [s for s in SQUARES if s[4] == RED or layout not in ONE_CLASS]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("size", [(320, 320), (256, 384)])
def test_squares_in_every_layout(tmp_path, layout, size):
    """Wide pictures are letterboxed or stretched; channel order and scaling decide the colour."""
    found = opened(detector(tmp_path / "m.onnx", layout, *size))
    assert found.layout == layout
    boxes = found.detect(picture(500, 300, SQUARES))
    assert_found(boxes, wanted(layout))
    assert all(0.99 < d.score <= 1 for d in boxes)
    blue = [d for d in boxes if 240 < d.x1 < 260]
    assert [d.label for d in blue] == ([] if layout in ONE_CLASS else ["1"])
    assert {d.label for d in boxes if d not in blue} == {"0"}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_tall_small_and_large_pictures(tmp_path, layout):
    found = opened(detector(tmp_path / "m.onnx", layout, 320, 320))
    tall = [(93, 203, 36, 60, RED)]  # its centre lies inside of a cell
    assert_found(found.detect(picture(200, 320, tall)), tall)
    small = [(20, 30, 24, 24, RED)]
    assert_found(found.detect(picture(150, 100, small)), small)
    large = [(600, 1000, 500, 500, RED)]
    assert_found(found.detect(picture(2600, 2600, large)), large, within=6)
    assert found.detect(picture(400, 400, [])) == []


@pytest.mark.parametrize("layout", ["yolov5", "yolov8", "yunet"])
@pytest.mark.parametrize(
    "options",
    [
        {"channels_last": True},
        {"kind": "uint8"},
        {"kind": "float16"},
        {"batch": 3},
        {"channels_last": True, "kind": "uint8", "batch": 2},
    ],
    ids=str,
)
def test_forms_of_the_input(tmp_path, layout, options):
    found = opened(detector(tmp_path / "m.onnx", layout, 320, 320, **options))
    assert_found(found.detect(picture(500, 300, SQUARES)), wanted(layout))


def test_a_free_input_is_640_or_what_the_file_or_the_caller_says(tmp_path):
    free = detector(tmp_path / "a.onnx", "yolov8", 640, 640, window=256, free=True)
    assert_found(opened(free).detect(picture(500, 300, SQUARES)), SQUARES)
    said = {"imgsz": "[256, 320]"}
    told = detector(tmp_path / "b.onnx", "yolov8", 256, 320, free=True, metadata=said)
    assert_found(opened(told).detect(picture(500, 300, SQUARES)), SQUARES)
    asked = detector(tmp_path / "c.onnx", "yolov8", 320, 320, free=True, metadata=said)
    assert_found(opened(asked, size=320).detect(picture(500, 300, SQUARES)), SQUARES)


def test_a_fixed_input_refuses_another_size(tmp_path):
    fixed = detector(tmp_path / "m.onnx", "yolov8", 320, 320)
    assert opened(fixed, size=320).describe()["width"] == 320
    with pytest.raises(InvalidArgument, match="320 x 320 only"):
        opened(fixed, size=640)


def test_class_names_of_the_file(tmp_path):
    names = {"names": "{0: 'red one', 1: 'blue, \"quoted\"'}"}
    found = opened(detector(tmp_path / "m.onnx", "yolov8", 320, 320, metadata=names))
    boxes = found.detect(picture(500, 300, SQUARES))
    assert sorted({d.label for d in boxes}) == ['blue, "quoted"', "red one"]


@pytest.mark.parametrize("names", ["not python", "[" * 5000, "{'a': 1}", "__import__('os')", "3"])
def test_strange_names_are_left_alone(tmp_path, names):
    path = detector(tmp_path / "m.onnx", "yolov8", 320, 320, metadata={"names": names})
    assert {d.label for d in opened(path).detect(picture(500, 300, SQUARES))} == {"0", "1"}


@pytest.mark.parametrize("landmarks", [10, 15])
@pytest.mark.parametrize("layout", ["yolov5", "yolov8"])
def test_landmarks_of_yolo_faces_are_no_classes(tmp_path, layout, landmarks):
    path = detector(tmp_path / "m.onnx", layout, 320, 320, classes=1, landmarks=landmarks)
    found = opened(path, face=True).detect(picture(500, 300, SQUARES))
    assert_found(found, SQUARES)
    assert {d.label for d in found} == {"face"}
    assert all(d.score > 0.99 for d in found)


def test_one_class_yolov5_is_not_taken_for_one_with_suppression_inside(tmp_path):
    """Both have six numbers a row."""
    found = opened(detector(tmp_path / "m.onnx", "yolov5", 320, 320, classes=1))
    assert found.layout == "yolov5"
    assert_found(found.detect(picture(500, 300, SQUARES)), SQUARES)


def test_boxes_of_two_classes_in_one_place_both_stay(tmp_path):
    """A square half red, half blue gives the same box for both classes' cells."""
    path = detector(tmp_path / "m.onnx", "yolov8", 320, 320)
    halves = [(100, 100, 60, 30, RED), (100, 130, 60, 30, BLUE)]
    found = opened(path).detect(picture(320, 320, halves))
    assert sorted(d.label for d in found) == ["0", "1"]
    for box in found:
        assert np.abs(np.array([box.x1, box.y1, box.x2, box.y2]) - [100, 100, 160, 160]).max() < 1


def test_confidence_and_overlap(tmp_path):
    path = detector(tmp_path / "m.onnx", "yolov8", 320, 320)
    pale = picture(320, 320, [(40, 40, 60, 60, (210, 90, 90)), (200, 200, 60, 60, RED)])
    assert len(opened(path, confidence=0.4).detect(pale)) == 2
    assert len(opened(path, confidence=0.6).detect(pale)) == 1
    assert len(opened(path, confidence=0.6, iou=1.0).detect(pale)) > 30


def test_order_is_by_confidence_then_place(tmp_path):
    path = detector(tmp_path / "m.onnx", "scrfd", 320, 320, window=96)
    image = picture(
        320,
        320,
        [(224, 32, 32, 32, RED), (32, 32, 32, 32, RED), (128, 160, 32, 32, (230, 90, 90))],
    )
    found = opened(path).detect(image)
    assert [round(d.x1) for d in found] == [32, 224, 128]
    assert found == opened(path).detect(image)


def test_yunet_as_opencv_reads_it(tmp_path):
    """OpenCV's own class over the same file, at the size of the model."""
    path = detector(tmp_path / "m.onnx", "yunet", 256, 320)
    squares = [(40, 40, 50, 50, RED), (200, 150, 40, 60, RED), (30, 200, 20, 30, RED)]
    image = picture(320, 256, squares)
    theirs = cv2.FaceDetectorYN.create(str(path), "", (320, 256), 0.9, 0.3, 5000)
    _, rows = theirs.detect(np.ascontiguousarray(np.asarray(image)[:, :, ::-1]))
    ours = opened(path, confidence=0.9, iou=0.3).detect(image)
    assert len(rows) == len(ours) == 3
    boxes = np.array([(d.x1, d.y1, d.x2 - d.x1, d.y2 - d.y1) for d in ours])
    key = np.argsort(boxes[:, 0])
    np.testing.assert_allclose(boxes[key], rows[np.argsort(rows[:, 0]), :4], atol=0.1)
    np.testing.assert_allclose([d.score for d in ours], rows[:, 14], atol=1e-5)


def outputs(path, *shapes, values=0.0):
    """A model that gives constants of these shapes, whatever the picture."""
    nodes, made = [], []
    for i, shape in enumerate(shapes):
        value = helper.make_tensor(
            f"v{i}", TensorProto.FLOAT, shape, np.full(shape, values).ravel()
        )
        nodes += [helper.make_node("Constant", [], [f"out{i}"], value=value)]
        made.append(helper.make_tensor_value_info(f"out{i}", TensorProto.FLOAT, shape))
    given = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 320, 320])
    graph = helper.make_graph(nodes, "constant", [given], made)
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


@pytest.mark.parametrize(
    "shapes",
    [
        [(1, 1000)],
        [(1, 576, 10, 10)],
        [(1, 3, 40, 40, 85), (1, 3, 20, 20, 85), (1, 3, 10, 10, 85)],
        [(1, 100, 4)],
        [(1, 6, 3)],
        [(1, 1600, 4), (1, 1600, 3)],
        [(1, 77, 1), (1, 77, 4), (1, 77, 10)],
        [(1, 77, 2), (1, 77, 4), (1, 77, 10)],
    ],
    ids=str,
)
def test_what_is_no_detector_is_refused_with_what_it_gives(tmp_path, shapes):
    path = outputs(tmp_path / "m.onnx", *shapes)
    words = r"m\.onnx is not a supported detector.*out0.*YOLOv5.*UltraFace"
    with pytest.raises(ModelError, match=words):
        opened(path)


@pytest.mark.parametrize("value", [-0.5, 0.5])
@pytest.mark.parametrize("shape", [(1, 2100, 85), (1, 84, 2100)])
def test_boxes_that_are_not_in_pixels_are_refused(tmp_path, shape, value):
    """Raw heads hold logarithms of sides, negative for small boxes; others hold shares."""
    path = outputs(tmp_path / "m.onnx", shape, values=value)
    with pytest.raises(ModelError, match="with decoded boxes"):
        opened(path)


def test_a_file_that_is_no_model(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"\x08\x07 not a model")
    with pytest.raises(ModelError, match="cannot be opened as an ONNX model"):
        opened(tmp_path / "m.onnx")
    with pytest.raises(ModelError, match="is not a file"):
        opened(tmp_path / "gone.onnx")
    with pytest.raises(ModelError, match="one input of images"):
        opened(onnx_models.two_inputs(tmp_path / "two.onnx"))


def test_a_model_that_cannot_run_at_its_size(tmp_path):
    path = detector(tmp_path / "m.onnx", "yolov8", 320, 320, free=True)
    with pytest.raises(ModelError, match="cannot run on an image of 640 x 640"):
        opened(path)
