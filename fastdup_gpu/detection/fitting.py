"""A picture of any size to the input of a model, and boxes back to the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

# Pillow shrinks in two steps, first by a whole factor to this many times the wanted size.
_GAP = 3.0


@dataclass(frozen=True, slots=True)
class Style:
    """How a family of models wants its input: value = (pixel - mean) * scale.

    `place`: the picture keeps its shape and stands in the 'centre' or top left 'corner' of a
    canvas of grey `pad`, or is stretched ('stretch'). `grow`: whether small pictures are
    enlarged. `mean` is in the channel order `order`.
    """

    place: Literal["centre", "corner", "stretch"]
    order: Literal["RGB", "BGR"] = "RGB"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    scale: float = 1.0
    pad: int = 0
    grow: bool = True


@dataclass(frozen=True, slots=True)
class Fitted:
    """`pixels` f32[height, width, 3] in the model's values, and where the picture stands in it:
    a point x of the picture is at x * scale_x + left."""

    pixels: F32
    scale_x: float
    scale_y: float
    left: int
    top: int

    def to_picture(self, corners: F64) -> F64:
        """Corners x1, y1, x2, y2 in pixels of the input, f64[n, 4], in pixels of the picture."""
        shift = np.array([self.left, self.top, self.left, self.top], np.float64)
        factor = np.array([self.scale_x, self.scale_y, self.scale_x, self.scale_y])
        moved: F64 = (corners - shift) / factor
        return moved


def fit(picture: Image.Image, height: int, width: int, style: Style, *, raw: bool) -> Fitted:
    """An RGB picture on a canvas of height x width; `raw` keeps 0 to 255, for models that take
    bytes and scale them themselves.

    The size is changed bilinearly and, where it shrinks, over all pixels (Pillow).
    """
    inner_width, inner_height = _inner(picture, height, width, style)
    left = top = 0
    if style.place == "centre":
        left, top = (width - inner_width) // 2, (height - inner_height) // 2
    resized = picture.resize(
        (inner_width, inner_height), Image.Resampling.BILINEAR, reducing_gap=_GAP
    )
    canvas = np.full((height, width, 3), style.pad, np.float32)
    canvas[top : top + inner_height, left : left + inner_width] = np.asarray(resized)
    if style.order == "BGR":
        canvas = canvas[:, :, ::-1]
    if not raw:
        canvas = (canvas - np.array(style.mean, np.float32)) * np.float32(style.scale)
    return Fitted(canvas, inner_width / picture.width, inner_height / picture.height, left, top)


def _inner(picture: Image.Image, height: int, width: int, style: Style) -> tuple[int, int]:
    """Width and height of the picture on the canvas."""
    if style.place == "stretch":
        return width, height
    ratio = min(width / picture.width, height / picture.height)
    if not style.grow:
        ratio = min(ratio, 1.0)
    return max(round(picture.width * ratio), 1), max(round(picture.height * ratio), 1)
