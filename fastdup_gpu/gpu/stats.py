"""Statistics of the 224 x 224 pixels, by our kernels, to the formulas of docs/compatibility.md."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastdup_gpu.formats.names import PIXEL_STATS, PIXEL_STATS_ADVANCED
from fastdup_gpu.protocol import F64


def pixel_stats(pixels: Any, heights: Any, widths: Any, *, advanced: bool) -> F64:
    """f64[n, m] in the order of PIXEL_STATS (advanced: PIXEL_STATS_ADVANCED).

    `pixels` u8[n, 224, 224, 3] RGB on the device, of which heights x widths (i64[n]) count.
    Waits for CuPy's current stream.
    """
    import cupy

    from fastdup_gpu.kernels.pixel_stats import pixel_stats as basic
    from fastdup_gpu.kernels.pixel_stats_advanced import pixel_stats_advanced

    if not len(pixels):
        return np.zeros((0, len(PIXEL_STATS_ADVANCED if advanced else PIXEL_STATS)))
    kernel = pixel_stats_advanced if advanced else basic
    numbers: F64 = cupy.asnumpy(kernel(pixels, heights, widths))
    return numbers
