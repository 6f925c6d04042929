"""All pixel statistics of a batch, including the advanced ones."""

from __future__ import annotations

from typing import Any

from .pixel_stats import write_pixel_stats

COLUMNS = 18
MAX_SIDE = 224


def pixel_stats_advanced(batch: Any, heights: Any, widths: Any) -> Any:
    """f64[n, 18]: the columns of pixel_stats, then rms_contrast, mean_rel_intensity_r, _b, _g,
    mean_hue, mean_saturation, mean_val, edge_density, mean_r, mean_g, mean_b.

    Formula, over the valid pixels: rms_contrast = sqrt(mean over channels of (stdv_c / mean_c)^2),
    a black channel adding 0; mean_rel_intensity_c = mean_c / mean of all channels, 0 where that
    is 0; hue (0-179), saturation and value as OpenCV's uint8 RGB -> HSV, with reciprocals of 12
    bits; edge_density = share of edge pixels of Canny(grey, 50, 150, aperture 3, L1 norm), grey in
    15-bit weights, border replicated for the gradient and no gradient outside the image.
    Shapes: batch u8[n, H, W, 3] RGB, H and W at most 224; heights, widths i64[n], the valid part
    of each image, each at least 1 -> f64[n, 18] (new array).
    Launch: two kernels, each one block of 256 threads per image (24.6 and 26.4 KB shared). Canny
    goes down the image in strips of 8 rows; hysteresis works on bit maps, 32 pixels per word.
    Stream: CuPy's current one; returns at once, the caller synchronises.
    Tolerance: 1e-12 relative; HSV, grey and the edge count equal OpenCV's bit for bit. Raises
    InvalidArgument for other shapes, dtypes or sides.
    """
    import cupy

    out = cupy.empty((len(batch), COLUMNS), cupy.float64)
    for kernel in ("pixel_stats", "pixel_stats_advanced"):
        write_pixel_stats(kernel, batch, heights, widths, out, MAX_SIDE)
    return out
