"""From an image of any size to the input of a model, and from its boxes back to the image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

# Pillow shrinks in two steps, first by a whole factor to this many times the target size.
_GAP = 3.0


@dataclass(frozen=True, slots=True)
class Style:
    """How a family of models wants its input: value = (pixel - mean) * scale.

    `place`: the image keeps its aspect ratio and is placed in the 'centre' or top left 'corner' of
    a canvas of grey `pad`, or is stretched ('stretch'). `grow`: whether small images are enlarged.
    `mean` is in the channel order `order`.
    """

    place: Literal["centre", "corner", "stretch"]
    order: Literal["RGB", "BGR"] = "RGB"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    scale: float = 1.0
    pad: int = 0
    grow: bool = True


@dataclass(frozen=True, slots=True)
class Fitted:
    """`pixels` f32[height, width, 3] as input values, and the position of the image in them: a
    point x of the image is at x * scale_x + left."""

    pixels: F32
    scale_x: float
    scale_y: float
    left: int
    top: int

    def to_picture(self, corners: F64) -> F64:
        """Convert corners x1, y1, x2, y2, f64[n, 4], from pixels of the input to those of the
        image."""
        shift = np.array([self.left, self.top, self.left, self.top], np.float64)
        factor = np.array([self.scale_x, self.scale_y, self.scale_x, self.scale_y])
        moved: F64 = (corners - shift) / factor
        return moved


def fit(picture: Image.Image, height: int, width: int, style: Style, *, raw: bool) -> Fitted:
    """Place an RGB image on a canvas of height x width; `raw` keeps values from 0 to 255, for
    models that take bytes and scale them.

    Resizing is bilinear and, when shrinking, averages over all pixels (Pillow).
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
    """Width and height of the image on the canvas."""
    if style.place == "stretch":
        return width, height
    ratio = min(width / picture.width, height / picture.height)
    if not style.grow:
        ratio = min(ratio, 1.0)
    return max(round(picture.width * ratio), 1), max(round(picture.height * ratio), 1)
