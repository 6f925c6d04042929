"""The decoding of every layout, box by box in float64, on random outputs."""

import math

import numpy as np
import pytest

from fastdup_gpu.detection.candidates import Candidates, suppress, usable
from fastdup_gpu.detection.layouts import read_layout

SIZE = (64, 96)  # height, width
CONFIDENCE = 0.35


def rng(seed=0):
    return np.random.default_rng(seed)


def cells(stride):
    """Row by row: x and y of the cell."""
    return [(x, y) for y in range(SIZE[0] // stride) for x in range(SIZE[1] // stride)]


def decode(outputs, names=None, *, face=False):
    """(layout, boxes by score) as the library reads them; the trial is the outputs themselves."""
    outputs = [np.asarray(o, np.float32) for o in outputs]
    layout = read_layout(outputs, SIZE, names or {}, face=face)
    found = layout.decode(outputs, CONFIDENCE)
    return layout.name, table(
        zip(found.corners.tolist(), found.scores.tolist(), found.classes.tolist(), strict=True)
    )


def table(found):
    rows = [(*box, score, label) for box, score, label in found]
    return np.array(sorted(rows, key=lambda r: (-round(r[4], 9), r[:4]))).reshape(-1, 6)


def assert_same(outputs, name, expected, **options):
    layout, got = decode(outputs, **options)
    want = table(expected)
    assert layout == name
    assert got.shape == want.shape
    assert len(want) > 0
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-5)


def around(cx, cy, w, h):
    return cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2


def f64(array):
    """What is left of random numbers in float32, as Python numbers."""
    return np.asarray(array, np.float32).astype(np.float64).tolist()


@pytest.mark.parametrize("classes", [1, 2, 80])
def test_rows_with_objectness(classes):
    n = 3 * sum(len(cells(s)) for s in (8, 16, 32))
    rows = np.concatenate([rng().uniform(0, 60, (n, 4)), rng(1).random((n, 1 + classes))], 1)
    expected = []
    for cx, cy, w, h, objectness, *scores in f64(rows):
        best = max(range(classes), key=lambda c: scores[c])
        if objectness * scores[best] >= CONFIDENCE:
            expected.append((around(cx, cy, w, h), objectness * scores[best], best))
    assert_same([rows], "yolov5", expected)


@pytest.mark.parametrize("classes", [1, 3, 80])
@pytest.mark.parametrize("further", [0, 32])
def test_columns_without_objectness(classes, further):
    """`further`: coefficients of masks, whose prototypes are a second output."""
    columns = np.concatenate(
        [rng().uniform(0, 60, (4, 300)), rng(1).random((classes, 300)), np.ones((further, 300))]
    )
    outputs = [columns, *([np.zeros((32, 16, 24))] if further else [])]
    expected = []
    for cx, cy, w, h, *scores in f64(columns.T):
        best = max(range(classes), key=lambda c: scores[c])
        if scores[best] >= CONFIDENCE:
            expected.append((around(cx, cy, w, h), scores[best], best))
    assert_same(outputs, "yolov8", expected)


def test_names_tell_classes_from_what_follows():
    columns = np.concatenate([rng().uniform(0, 60, (4, 300)), rng(1).random((2, 300))])
    poses = np.concatenate([columns, np.full((51, 300), 99.0)])
    expected = [
        (around(*row[:4]), max(row[4:]), row[4:].index(max(row[4:])))
        for row in f64(columns.T)
        if max(row[4:]) >= CONFIDENCE
    ]
    names = {0: "a", 1: "b"}
    assert_same([poses], "yolov8", expected, names=names)
    assert_same([columns.T], "yolov8", expected, names=names)


@pytest.mark.parametrize(("width", "score"), [(16, 15), (21, 5)])
def test_rows_of_faces_with_landmarks(width, score):
    rows = rng().uniform(0, 60, (756, width))
    rows[:, 4], rows[:, score] = rng(1).random(756), rng(2).random(756)
    expected = [
        (around(*row[:4]), row[4] * row[score], 0)
        for row in f64(rows)
        if row[4] * row[score] >= CONFIDENCE
    ]
    assert_same([rows], "yolov5", expected, face=True)


def test_rows_after_suppression():
    rows = rng().uniform(0, 40, (100, 6))
    rows[:, 2:4] += rows[:, :2]
    rows[:, 4], rows[:, 5] = rng(1).random(100), rng(2).integers(0, 80, 100)
    expected = [(tuple(r[:4]), r[4], r[5]) for r in f64(rows) if r[4] >= CONFIDENCE]
    assert_same([rows], "yolo-nms", expected)
    assert decode([np.zeros((0, 6))])[0] == "yolo-nms"


@pytest.mark.parametrize("strides", [(8, 16, 32), (8, 16, 32, 64)])
def test_yunet(strides):
    sizes = [(s, len(cells(s))) for s in strides if len(cells(s))]
    heads = {
        "cls": [rng(s).uniform(-0.1, 1.1, (n, 1)) for s, n in sizes],
        "obj": [rng(s + 1).uniform(-0.1, 1.1, (n, 1)) for s, n in sizes],
        "bbox": [rng(s + 2).normal(0, 1, (n, 4)) for s, n in sizes],
        "kps": [rng(s + 3).normal(0, 1, (n, 10)) for s, n in sizes],
    }
    expected = []
    for k, (s, _) in enumerate(sizes):
        groups = (heads["cls"][k], heads["obj"][k], heads["bbox"][k])
        for (x, y), (a,), (b,), (dx, dy, w, h) in zip(cells(s), *map(f64, groups), strict=True):
            score = math.sqrt(min(max(a, 0), 1) * min(max(b, 0), 1))
            if score >= CONFIDENCE:
                box = around((x + dx) * s, (y + dy) * s, math.exp(w) * s, math.exp(h) * s)
                expected.append((box, score, 0))
    assert_same([o for group in heads.values() for o in group], "yunet", expected)


@pytest.mark.parametrize("anchors", [1, 2])
@pytest.mark.parametrize("landmarks", [True, False])
def test_scrfd(anchors, landmarks):
    strides = (8, 16, 32)
    scores = [rng(s).random((anchors * len(cells(s)), 1)) for s in strides]
    boxes = [rng(s + 1).uniform(0, 3, (anchors * len(cells(s)), 4)) for s in strides]
    points = [np.zeros((anchors * len(cells(s)), 10)) for s in strides] if landmarks else []
    expected = []
    for k, s in enumerate(strides):
        places = [cell for cell in cells(s) for _ in range(anchors)]
        for (x, y), (score,), (left, top, right, bottom) in zip(
            places, f64(scores[k]), f64(boxes[k]), strict=True
        ):
            if score >= CONFIDENCE:
                box = ((x - left) * s, (y - top) * s, (x + right) * s, (y + bottom) * s)
                expected.append((box, score, 0))
    assert_same([*scores, *boxes, *points], "scrfd", expected)


def test_retinaface():
    sides = {8: (16, 32), 16: (64, 128), 32: (256, 512)}
    anchors = [
        ((x + 0.5) * s, (y + 0.5) * s, side)
        for s in sides
        for x, y in cells(s)
        for side in sides[s]
    ]
    n = len(anchors)
    offsets, scores = rng().normal(0, 1, (n, 4)), rng(1).random((n, 2))
    expected = []
    for (cx, cy, side), (x, y, w, h), (_, score) in zip(
        anchors, f64(offsets), f64(scores), strict=True
    ):
        if score >= CONFIDENCE:
            box = around(
                cx + x * 0.1 * side,
                cy + y * 0.1 * side,
                side * math.exp(0.2 * w),
                side * math.exp(0.2 * h),
            )
            expected.append((box, score, 0))
    assert_same([offsets, scores, np.zeros((n, 10))], "retinaface", expected)


def test_ultraface():
    corners, scores = rng().random((4420, 4)), rng(1).random((4420, 2))
    height, width = SIZE
    expected = [
        ((x1 * width, y1 * height, x2 * width, y2 * height), score, 0)
        for (x1, y1, x2, y2), (_, score) in zip(f64(corners), f64(scores), strict=True)
        if score >= CONFIDENCE
    ]
    assert_same([scores, corners], "ultraface", expected)


@pytest.mark.parametrize("iou", [0.2, 0.45, 0.9])
def test_suppression(iou):
    """Greedy and by class, against the definition."""
    low = rng().uniform(0, 50, (300, 2))
    corners = np.concatenate([low, low + rng(1).uniform(5, 40, (300, 2))], 1)
    found = usable(Candidates(corners, rng(2).random(300), rng(3).integers(0, 3, 300)))
    kept: list[int] = []
    for i, (x1, y1, x2, y2) in enumerate(found.corners):
        for j in kept:
            a1, b1, a2, b2 = found.corners[j]
            inside = max(0, min(x2, a2) - max(x1, a1)) * max(0, min(y2, b2) - max(y1, b1))
            union = (x2 - x1) * (y2 - y1) + (a2 - a1) * (b2 - b1) - inside
            if found.classes[i] == found.classes[j] and inside / union > iou:
                break
        else:
            kept.append(i)
    got = suppress(found, iou)
    np.testing.assert_array_equal(got.corners, found.corners[kept])
    np.testing.assert_array_equal(got.classes, found.classes[kept])


def test_what_has_no_place_is_left_out():
    corners = np.array([[0, 0, 5, 5], [0, 0, np.nan, 5], [3, 3, 3, 9], [0, 0, np.inf, 9.0]])
    found = usable(Candidates(corners, np.array([0.5, 0.9, 0.9, 0.9]), np.zeros(4, np.int64)))
    assert found.corners.tolist() == [[0, 0, 5, 5]]
