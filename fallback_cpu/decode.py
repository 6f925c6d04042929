"""Batches of decoded images: both pixel sizes made from one decode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fastdup_gpu.protocol import U8, Encoded, Outcome, PixelPlan, Status
from fastdup_gpu.shrink import UNUSABLE, outcome_of, shrink


@dataclass(frozen=True, slots=True)
class CpuBatch:
    """`stats_pixels`: u8[h, w, 3] BGR each, at most 224 x 224; `model_pixels`: u8[n, H, W, 3]
    RGB; both only of images that are OK, in the order of `outcomes`."""

    outcomes: Sequence[Outcome]
    stats_pixels: Sequence[U8]
    model_pixels: U8


def decode(encoded: Sequence[Encoded], plan: PixelPlan) -> CpuBatch:
    """Decode one batch on the calling thread; a bad image affects no other."""
    outcomes: list[Outcome] = []
    stats_pixels: list[U8] = []
    model_pixels = np.empty((len(encoded), plan.model_height, plan.model_width, 3), np.uint8)
    for item in encoded:
        outcome, small = _decode_one(item, plan, model_pixels[len(stats_pixels)])
        outcomes.append(outcome)
        if small is not None:
            stats_pixels.append(small)
    return CpuBatch(outcomes, stats_pixels, model_pixels[: len(stats_pixels)])


def _decode_one(item: Encoded, plan: PixelPlan, out: U8) -> tuple[Outcome, U8 | None]:
    size = -1
    try:
        data = item.load()
        size = len(data)
        small = shrink(data, plan)
    except UNUSABLE as error:
        return outcome_of(error, item.index, size), None
    out[:] = small.model
    return Outcome(item.index, Status.OK, small.width, small.height, size), small.stats
