"""Boxes as output by a model, and the selection among them."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from fastdup_gpu.detection.fitting import F64

I64 = NDArray[np.int64]

# Number of best candidates that are compared with each other; further ones are noise.
MOST = 5000


class Candidates(NamedTuple):
    """`corners` x1, y1, x2, y2 f64[n, 4] in pixels of the model's input; `scores` f64[n], 0 to
    1; `classes` i64[n]."""

    corners: F64
    scores: F64
    classes: I64

    def take(self, rows: NDArray[np.bool_] | I64) -> Candidates:
        """The candidates in `rows`."""
        return Candidates(self.corners[rows], self.scores[rows], self.classes[rows])

    def ordered(self) -> Candidates:
        """Sorted by descending score, ties from top to bottom and left to right."""
        x1, y1 = self.corners[:, 0], self.corners[:, 1]
        return self.take(np.lexsort((self.classes, x1, y1, -self.scores)))


def one_class(corners: F64, scores: F64) -> Candidates:
    """Candidates of a detector with only one class."""
    return Candidates(corners, scores, np.zeros(len(scores), np.int64))


def from_centres(boxes: F64) -> F64:
    """Corners of boxes given as centre x, centre y, width, height, f64[n, 4]."""
    half = boxes[:, 2:] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)


def usable(found: Candidates) -> Candidates:
    """The candidates that have an area and neither nan nor infinity, in order."""
    corners = found.corners
    good = np.isfinite(corners).all(1) & np.isfinite(found.scores)
    good &= (corners[:, 2] > corners[:, 0]) & (corners[:, 3] > corners[:, 1])
    return found.take(good).ordered()


def suppress(found: Candidates, iou: float) -> Candidates:
    """Non-maximum suppression: of boxes of one class that overlap by more than `iou` of their
    union, the one with the highest score is kept."""
    best = found.take(np.arange(min(len(found.scores), MOST)))
    if not len(best.scores):
        return best
    sides = best.corners[:, 2:] - best.corners[:, :2]
    kept = cv2.dnn.NMSBoxesBatched(
        np.concatenate([best.corners[:, :2], sides], axis=1).tolist(),
        best.scores.tolist(),
        best.classes.tolist(),
        score_threshold=0.0,
        nms_threshold=iou,
    )
    return best.take(np.sort(np.asarray(kept, np.int64).ravel()))
