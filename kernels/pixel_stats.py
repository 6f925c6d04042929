"""The basic pixel statistics of a batch."""

from __future__ import annotations

from typing import Any

from fastdup_gpu._errors import InvalidArgument

from . import load

COLUMNS = 7
MAX_SIDE = 1024


def pixel_stats(batch: Any, heights: Any, widths: Any) -> Any:
    """f64[n, 7]: unique, blur, mean, min, max, stdv, contrast of every image.

    Formula, over the valid pixels: unique = distinct values of all channels together; blur =
    variance of the blue channel's 3x3 four-neighbour Laplacian, border reflect-101; mean, min and
    max over all channels; stdv = mean of the channels' population standard deviations; contrast =
    (max - min) / (max + min), 0 where max is 0. Sums are exact integers, results double.
    Shapes: batch u8[n, H, W, 3] RGB, H and W at most 1024; heights, widths i64[n], the valid part
    of each image, each at least 1 -> f64[n, 7] (new array).
    Launch: one block of 256 threads per image, 24.6 KB shared; the pixels are read once.
    Stream: CuPy's current one; returns at once, the caller synchronises.
    Tolerance: 1e-12 relative. Raises InvalidArgument for other shapes, dtypes or sides.
    """
    import cupy

    out = cupy.empty((len(batch), COLUMNS), cupy.float64)
    write_pixel_stats("pixel_stats", batch, heights, widths, out, MAX_SIDE)
    return out


def write_pixel_stats(
    kernel: str, batch: Any, heights: Any, widths: Any, out: Any, max_side: int
) -> None:
    """Check the arguments and let one of the two kernels write its columns of out f64[n, m]."""
    n, height, width = batch.shape[:3]
    if max(height, width) > max_side:
        raise InvalidArgument(
            f"batch contains images of {height}x{width} pixels; {kernel} accepts up to "
            f"{max_side}x{max_side}. Resize them first, for example with nearest_exact."
        )
    load.require("batch", batch, "uint8", (n, height, width, 3))
    load.require("heights", heights, "int64", (n,))
    load.require("widths", widths, "int64", (n,))
    if n:
        args = (batch, heights, widths, out, height, width, out.shape[1])
        load.kernel(kernel)((n,), (load.THREADS,), load.typed(args))
