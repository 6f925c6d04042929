"""The outputs of the YOLO family, whose boxes are in pixels of the input.

Layouts, for one image: rows of centre x, centre y, width, height, objectness and one score per
class (YOLOv5, v7; score = objectness * class score); columns of the same without objectness
(YOLOv8, v11); or, with suppression inside the model, rows of x1, y1, x2, y2, score, class
(YOLOv10 and other exports with NMS). Additional landmarks and mask coefficients are ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from fastdup_gpu.detection.candidates import Candidates, from_centres
from fastdup_gpu.detection.fitting import F32, F64

Decode = Callable[[Sequence[F32], float], Candidates]

# Additional columns of a face if there are no names: 5 landmarks x, y (10) or x, y, visible (15).
_LANDMARKS_LAST, _LANDMARKS_FIRST = 15, 10
_STRIDES = ((8, 16, 32), (8, 16, 32, 64))
# A row whose class is nan or larger is not a box.
_MOST_CLASSES = 1 << 20


def with_objectness(outputs: Sequence[F32], confidence: float, *, classes: slice) -> Candidates:
    """Rows of cx, cy, w, h, objectness, scores: [n, 5 + c]."""
    likely = outputs[0][:, 4] >= confidence  # the product is never larger
    rows: F64 = outputs[0][likely].astype(np.float64)
    return _best(rows[:, :4], rows[:, 4:5] * rows[:, classes], confidence)


def without_objectness(
    outputs: Sequence[F32], confidence: float, *, classes: int, columns: bool
) -> Candidates:
    """cx, cy, w, h, scores as columns [4 + c, n], or as rows [n, 4 + c]."""
    rows = outputs[0].T if columns else outputs[0]
    scores = rows[:, 4 : 4 + classes]
    sure = scores.max(axis=1, initial=-1.0) >= confidence
    return _best(rows[sure, :4].astype(np.float64), scores[sure].astype(np.float64), confidence)


def suppressed(outputs: Sequence[F32], confidence: float) -> Candidates:
    """Rows of x1, y1, x2, y2, score, class: [n, 6]."""
    known = np.abs(outputs[0][:, 5]) < _MOST_CLASSES
    rows: F64 = outputs[0][known & (outputs[0][:, 4] >= confidence)].astype(np.float64)
    return Candidates(rows[:, :4], rows[:, 4], np.rint(rows[:, 5]).astype(np.int64))


def _best(boxes: F64, scores: F64, confidence: float) -> Candidates:
    """Each box with its most likely class."""
    classes = scores.argmax(axis=1)
    best = scores[np.arange(len(scores)), classes]
    found = Candidates(from_centres(boxes), best, classes.astype(np.int64))
    return found.take(best >= confidence)


def read_yolo(
    trial: Sequence[F32], size: tuple[int, int], names: Mapping[int, str], *, face: bool
) -> tuple[str, Decode] | None:
    """The layout and its decoder, from the outputs for an empty image of `size` = (height, width);
    None if they are not those of a YOLO. Further outputs may be raw heads and mask prototypes.
    """
    if trial[0].ndim != 2 or any(other.ndim < 3 for other in trial[1:]):
        return None
    rows, columns = trial[0].shape
    if columns == 6 and len(trial) == 1 and _are_corners(trial[0], size):
        return "yolo-nms", suppressed
    if not _are_in_pixels(trial[0]):
        return None
    masks = trial[1].shape[0] if len(trial) > 1 and trial[1].ndim == 3 else 0
    if rows < columns or len(names) == columns - 4:
        wide = rows < columns
        classes = _class_count((rows if wide else columns) - 4, masks, names, face=face)
        read = partial(without_objectness, classes=classes, columns=wide)
        return ("yolov8", read) if classes > 0 else None
    classes = _class_count(columns - 5, masks, names, face=face)
    if classes < 1:
        return None
    first = 15 if columns - 5 - classes == _LANDMARKS_FIRST else 5
    return "yolov5", partial(with_objectness, classes=slice(first, first + classes))


def _are_in_pixels(boxes: F32) -> bool:
    """Whether centres and sides look like pixels. Negative sides are logarithms that have not been
    decoded; if all values are between 0 and 1, they are shares of the input, as output by
    transformers (RT-DETR)."""
    numbers = boxes[:4].T if boxes.shape[0] < boxes.shape[1] else boxes[:, :4]
    shares = 0 < numbers.max(initial=0) < 1
    return not (shares or bool((numbers[:, 2:] < 0).any()))


def _class_count(width: int, masks: int, names: Mapping[int, str], *, face: bool) -> int:
    """How many of the `width` numbers per box are class scores."""
    if names:
        return len(names) if len(names) <= width else 0
    if face and width in (1 + _LANDMARKS_FIRST, 1 + _LANDMARKS_LAST):
        return 1
    return width - masks


def _are_corners(rows: F32, size: tuple[int, int]) -> bool:
    """Whether six numbers per row are corners, score and class, rather than centre, size,
    objectness and score of one class, which a YOLOv5 with one class outputs three times per cell of
    each stride."""
    cells = [sum((size[0] // s) * (size[1] // s) for s in strides) for strides in _STRIDES]
    if len(rows) in (*cells, *(3 * n for n in cells)):
        return False
    return bool((rows[:, 2] >= rows[:, 0]).all() and (rows[:, 3] >= rows[:, 1]).all())
