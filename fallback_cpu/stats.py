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
_POWERS = np.stack([np.ones(256), _LEVELS, _LEVELS**2])


def pixel_stats(pictures: Sequence[U8], *, advanced: bool) -> F64:
    """f64[n, m] in the order of PIXEL_STATS (advanced: PIXEL_STATS_ADVANCED); BGR input."""
    columns = PIXEL_STATS_ADVANCED if advanced else PIXEL_STATS
    out = np.empty((len(pictures), len(columns)))
    for row, picture in zip(out, pictures, strict=True):
        row[:] = _one(picture, advanced)
    return out


def _one(bgr: U8, advanced: bool) -> list[float]:
    planes = cv2.split(bgr)
    counts = np.stack([_histogram(plane) for plane in planes])
    n, total, squares = _POWERS @ counts.T
    means = total / n
    deviations = np.sqrt(np.maximum(squares / n - means**2, 0))
    used = np.flatnonzero(counts.any(axis=0))
    low, high = float(used[0]), float(used[-1])
    basic = [
        float(len(used)),
        _blur(planes[0]),
        float(means.mean()),
        low,
        high,
        float(deviations.mean()),
        (high - low) / (high + low) if high else 0.0,
    ]
    return basic + _advanced(bgr, means, deviations) if advanced else basic


def _histogram(plane: cv2.typing.MatLike) -> F64:
    counts: F64 = cv2.calcHist([plane], [0], None, [256], [0, 256]).ravel().astype(np.float64)
    return counts


def _blur(blue: cv2.typing.MatLike) -> float:
    """Variance of the Laplacian (3 x 3, 4 neighbours, border reflect-101) of the blue channel."""
    _, deviation = cv2.meanStdDev(cv2.Laplacian(blue, cv2.CV_16S))
    return float(deviation[0, 0]) ** 2


def _advanced(bgr: U8, means: F64, deviations: F64) -> list[float]:
    """rms_contrast = sqrt(mean over channels of (stdv / mean)^2), 0 for a black channel;
    mean_rel_intensity_x = mean of channel x / mean of all channels, 0 for a black picture."""
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
