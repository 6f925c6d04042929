"""Batches of decoded pictures: both pixel sizes made from one decode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fastdup_gpu.protocol import U8, Encoded, Outcome, PixelPlan, Refused, Status
from fastdup_gpu.shrink import shrink


@dataclass(frozen=True, slots=True)
class CpuBatch:
    """`stats_pixels`: u8[h, w, 3] BGR each, at most 224 x 224; `model_pixels`: u8[n, H, W, 3]
    RGB; both only of pictures that are OK, in the order of `outcomes`."""

    outcomes: Sequence[Outcome]
    stats_pixels: Sequence[U8]
    model_pixels: U8


def decode(encoded: Sequence[Encoded], plan: PixelPlan) -> CpuBatch:
    """Decode one batch on the calling thread; a bad picture costs only itself."""
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
    except Refused as refused:
        return Outcome(item.index, refused.status, 0, 0, size, refused.detail), None
    except FileNotFoundError as error:
        return Outcome(item.index, Status.MISSING, detail=_reason(error)), None
    except OSError as error:
        return Outcome(item.index, Status.UNREADABLE, detail=_reason(error)), None
    except MemoryError:
        return Outcome(item.index, Status.TOO_LARGE, 0, 0, size, "not enough memory"), None
    out[:] = small.model
    return Outcome(item.index, Status.OK, small.width, small.height, size), small.stats


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
