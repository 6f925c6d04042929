"""Statistics of the 224 x 224 pixels, by our kernels, to the formulas of docs/compatibility.md."""

from __future__ import annotations

from typing import Any


def pixel_stats(pixels: Any, heights: Any, widths: Any, *, advanced: bool) -> Any:
    """f64[n, m] on the device, in the order of PIXEL_STATS (advanced: PIXEL_STATS_ADVANCED).

    `pixels` u8[n, 224, 224, 3] RGB on the device, of which heights x widths (i64[n]) count. In
    order of CuPy's current stream, without synchronisation.
    """
    from fastdup_gpu.kernels.pixel_stats import pixel_stats as basic
    from fastdup_gpu.kernels.pixel_stats_advanced import pixel_stats_advanced

    kernel = pixel_stats_advanced if advanced else basic
    return kernel(pixels, heights, widths)
