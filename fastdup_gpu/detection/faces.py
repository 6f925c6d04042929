"""The outputs of face detectors.

YuNet (Wu, Peng, Yu 2023) and SCRFD (Guo et al. 2021) have one set of heads per stride, RetinaFace
(Deng et al. 2019) and UltraFace only one set. Landmarks are ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from fastdup_gpu.detection.candidates import Candidates, from_centres, one_class
from fastdup_gpu.detection.fitting import F32, F64
from fastdup_gpu.detection.yolo import Decode

_STRIDES = (4, 8, 16, 32, 64, 128)
_LANDMARKS = 10
# RetinaFace: sides of its two anchors at each stride, and the variances of SSD (Liu et al. 2016).
_ANCHORS = {8: (16, 32), 16: (64, 128), 32: (256, 512)}
_CENTRE_VARIANCE, _SIDE_VARIANCE = 0.1, 0.2


class Head(NamedTuple):
    """Which outputs belong to a stride, and its grid: `points` f64[n, 2], x and y in pixels."""

    stride: int
    boxes: int
    scores: tuple[int, ...]
    points: F64


def yunet(outputs: Sequence[F32], confidence: float, *, heads: Sequence[Head]) -> Candidates:
    """score = sqrt(class * objectness); the box has its centre at (cell + offset) * stride and
    the sides exp(l) * stride."""
    parts = []
    for head in heads:
        first, second = (np.clip(outputs[i][:, 0].astype(np.float64), 0, 1) for i in head.scores)
        scores = np.sqrt(first * second)
        sure = scores >= confidence
        boxes = outputs[head.boxes][sure].astype(np.float64) * [head.stride, head.stride, 1, 1]
        boxes[:, :2] += head.points[sure]
        boxes[:, 2:] = np.exp(boxes[:, 2:]) * head.stride
        parts.append(one_class(from_centres(boxes), scores[sure]))
    return _joined(parts)


def scrfd(outputs: Sequence[F32], confidence: float, *, heads: Sequence[Head]) -> Candidates:
    """Distances from the grid point to the left, top, right and bottom, in strides."""
    parts = []
    for head in heads:
        scores = outputs[head.scores[0]][:, 0].astype(np.float64)
        sure = scores >= confidence
        away = outputs[head.boxes][sure].astype(np.float64) * head.stride
        points = head.points[sure]
        corners = np.concatenate([points - away[:, :2], points + away[:, 2:]], axis=1)
        parts.append(one_class(corners, scores[sure]))
    return _joined(parts)


def retinaface(
    outputs: Sequence[F32], confidence: float, *, boxes: int, scores: int, anchors: F64
) -> Candidates:
    """Offsets from anchors as in SSD: centre + l * 0.1 * side, side * exp(l * 0.2)."""
    sure = outputs[scores][:, 1] >= confidence
    offsets, anchors = outputs[boxes][sure].astype(np.float64), anchors[sure]
    centres = anchors[:, :2] + offsets[:, :2] * _CENTRE_VARIANCE * anchors[:, 2:]
    sides = anchors[:, 2:] * np.exp(offsets[:, 2:] * _SIDE_VARIANCE)
    found = from_centres(np.concatenate([centres, sides], axis=1))
    return one_class(found, outputs[scores][sure, 1].astype(np.float64))


def ultraface(
    outputs: Sequence[F32], confidence: float, *, boxes: int, scores: int, size: tuple[int, int]
) -> Candidates:
    """Corners as shares of the width and height of the input."""
    sure = outputs[scores][:, 1] >= confidence
    height, width = size
    corners = outputs[boxes][sure].astype(np.float64) * [width, height, width, height]
    return one_class(corners, outputs[scores][sure, 1].astype(np.float64))


def read_faces(trial: Sequence[F32], size: tuple[int, int]) -> tuple[str, Decode] | None:
    """The layout and its decoder, from the outputs for an empty image of `size` = (height, width);
    None if they match none of these."""
    if any(output.ndim != 2 for output in trial):
        return None
    by_width: dict[int, list[int]] = {}
    for i, output in enumerate(trial):
        by_width.setdefault(output.shape[1], []).append(i)
    if set(by_width) <= {1, 4, _LANDMARKS} and {1, 4} <= set(by_width):
        return _read_heads(trial, by_width[1], by_width[4], size)
    if {2, 4} <= set(by_width) <= {2, 4, _LANDMARKS} and len(by_width[2]) == len(by_width[4]) == 1:
        return _read_whole(trial, by_width[2][0], by_width[4][0], size)
    return None


def _read_whole(
    trial: Sequence[F32], scores: int, boxes: int, size: tuple[int, int]
) -> tuple[str, Decode] | None:
    n = len(trial[boxes])
    if len(trial[scores]) != n:
        return None
    if len(trial) == 2:
        return "ultraface", partial(ultraface, boxes=boxes, scores=scores, size=size)
    anchors = _anchors(size)
    if len(anchors) != n:
        return None
    return "retinaface", partial(retinaface, boxes=boxes, scores=scores, anchors=anchors)


def _read_heads(
    trial: Sequence[F32], scores: list[int], boxes: list[int], size: tuple[int, int]
) -> tuple[str, Decode] | None:
    """SCRFD has one score per box, YuNet two."""
    each = len(scores) // len(boxes)
    if each not in (1, 2) or len(scores) != each * len(boxes):
        return None
    heads = []
    for box in boxes:
        n = len(trial[box])
        own = tuple(i for i in scores if len(trial[i]) == n)
        grid = _grid(n, size)
        if len(own) != each or grid is None:
            return None
        heads.append(Head(grid[0], box, own, grid[1]))
    heads.sort(key=lambda head: head.stride)
    return (
        ("scrfd", partial(scrfd, heads=heads))
        if each == 1
        else ("yunet", partial(yunet, heads=heads))
    )


def _grid(n: int, size: tuple[int, int]) -> tuple[int, F64] | None:
    """The stride at which n boxes are one or two per cell, and the cell of each; None if there is
    no such stride."""
    for stride in _STRIDES:
        points = _points(size, stride)
        if n in (len(points), 2 * len(points)):
            return stride, np.repeat(points, n // len(points), axis=0)
    return None


def _points(size: tuple[int, int], stride: int) -> F64:
    """The top left corners of all cells, row by row: x, y in pixels."""
    rows, columns = (-(-side // stride) for side in size)
    y, x = np.mgrid[:rows, :columns].reshape(2, -1).astype(np.float64) * stride
    return np.stack([x, y], axis=1)


def _anchors(size: tuple[int, int]) -> F64:
    """Centre and sides of the anchors of RetinaFace, in the middle of their cells."""
    parts = []
    for stride, sides in _ANCHORS.items():
        centres = np.repeat(_points(size, stride) + stride / 2, len(sides), axis=0)
        side = np.tile(np.array(sides, np.float64), len(centres) // len(sides))[:, None]
        parts.append(np.concatenate([centres, side, side], axis=1))
    return np.concatenate(parts)


def _joined(parts: Sequence[Candidates]) -> Candidates:
    return Candidates(*(np.concatenate(column) for column in zip(*parts, strict=True)))
