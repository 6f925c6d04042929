"""Statistics of the 224 x 224 pixels, to the formulas of docs/compatibility.md.

All sums come from 256-bin histograms of each channel and are exact in float64.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from fastdup_gpu.formats.names import PIXEL_STATS, PIXEL_STATS_ADVANCED
from fastdup_gpu.protocol import F64, U8

_LEVELS = np.arange(256, dtype=np.float64)
_POWERS = np.stack([np.ones(256), _LEVELS, _LEVELS**2], axis=1)


def pixel_stats(pictures: Sequence[U8], *, advanced: bool) -> F64:
    """f64[n, m] in the order of PIXEL_STATS (advanced: PIXEL_STATS_ADVANCED); BGR input."""
    if not len(pictures):
        return np.zeros((0, len(PIXEL_STATS_ADVANCED if advanced else PIXEL_STATS)))
    planes = [cv2.split(picture) for picture in pictures]
    counts = np.array([[_histogram(plane) for plane in three] for three in planes], np.float64)
    n, total, squares = np.moveaxis(counts @ _POWERS, 2, 0)
    means = total / n
    deviations = np.sqrt(np.maximum(squares / n - means**2, 0))
    basic = _basic(counts, means, deviations, [_blur(three[0]) for three in planes])
    if not advanced:
        return basic
    more = [_advanced(*each) for each in zip(pictures, means, deviations, strict=True)]
    return np.hstack([basic, more])


def _basic(counts: F64, means: F64, deviations: F64, blur: list[float]) -> F64:
    """The columns of PIXEL_STATS from histograms [n, 3, 256] and channel moments [n, 3]."""
    used = counts.max(axis=1) > 0
    low = used.argmax(axis=1).astype(np.float64)
    high = 255.0 - used[:, ::-1].argmax(axis=1)
    contrast = np.divide(high - low, high + low, out=np.zeros(len(low)), where=high > 0)
    return np.column_stack(
        [used.sum(axis=1), blur, means.mean(axis=1), low, high, deviations.mean(axis=1), contrast]
    )


def _histogram(plane: cv2.typing.MatLike) -> cv2.typing.MatLike:
    return cv2.calcHist([plane], [0], None, [256], [0, 256]).ravel()


def _blur(blue: cv2.typing.MatLike) -> float:
    """Variance of the Laplacian (3 x 3, 4 neighbours, border reflect-101) of the blue channel."""
    edges = cv2.Laplacian(blue, cv2.CV_16S)
    mean = cv2.sumElems(edges)[0] / edges.size  # both sums are of integers, and exact
    return float(cv2.norm(edges, cv2.NORM_L2SQR) / edges.size - mean**2)


def _advanced(bgr: U8, means: F64, deviations: F64) -> list[float]:
    """rms_contrast = sqrt(mean over channels of (stdv / mean)^2), 0 for a black channel;
    mean_rel_intensity_x = mean of channel x / mean of all channels, 0 for a black image."""
    ratio = np.divide(deviations, means, out=np.zeros(3), where=means > 0)
    blue, green, red = (float(m) for m in means)
    overall = float(means.mean()) or 1.0
    hue, saturation, value = cv2.mean(cv2.cvtColor(bgr, cv2.COLOR_BGR2HSV))[:3]
    edges = cv2.Canny(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), 50, 150)
    return [
        float(np.sqrt(np.mean(ratio**2))),
        red / overall,
        blue / overall,
        green / overall,
        hue,
        saturation,
        value,
        cv2.countNonZero(edges) / edges.size,
        red,
        green,
        blue,
    ]
