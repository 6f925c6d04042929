"""ONNX detectors that find squares of pure red or blue on grey, in the layouts of real families.

The network works from pixels: how much of a pixel is red or blue, summed over windows together
with its coordinates, gives centre (first moments) and sides (second moments: the variance of an
even spread over w is w * w / 12) of the square that a cell belongs to. Every covered cell gives
the same box, so suppression has something to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, ImageDraw

LAYOUTS = ("yolov5", "yolov8", "yolo-nms", "yunet", "scrfd", "retinaface", "ultraface")
RED, BLUE, GREY = (255, 0, 0), (0, 0, 255), (90, 90, 90)
Square = tuple[int, int, int, int, tuple[int, int, int]]
_KINDS = {"float": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "uint8": TensorProto.UINT8}
# Channel order, factor and mean by which each family makes its input, as published.
_INPUTS: dict[str, tuple[str, float, Sequence[float]]] = {
    "yolov5": ("RGB", 1 / 255, (0, 0, 0)),
    "yolov8": ("RGB", 1 / 255, (0, 0, 0)),
    "yolo-nms": ("RGB", 1 / 255, (0, 0, 0)),
    "yunet": ("BGR", 1, (0, 0, 0)),
    "scrfd": ("RGB", 1 / 128, (127.5, 127.5, 127.5)),
    "retinaface": ("BGR", 1, (104, 117, 123)),
    "ultraface": ("RGB", 1 / 128, (127, 127, 127)),
}


def picture(width: int, height: int, squares: Sequence[Square]) -> Image.Image:
    """Squares given as x, y, width, height, colour, on grey."""
    image = Image.new("RGB", (width, height), GREY)
    for x, y, w, h, colour in squares:
        ImageDraw.Draw(image).rectangle((x, y, x + w - 1, y + h - 1), fill=colour)
    return image


def detector(
    path: Path,
    layout: str,
    height: int,
    width: int,
    *,
    window: int = 128,
    free: bool = False,
    channels_last: bool = False,
    kind: str = "float",
    batch: int = 1,
    classes: int = 2,
    landmarks: int = 0,
    metadata: dict[str, str] | None = None,
) -> Path:
    """Write a detector for squares whose window of `window` input pixels holds no other one.

    `free`: the input size is left open in the file. `landmarks`: columns of zeros beside the
    boxes of a YOLO, behind the class scores, but for ten in 'yolov5', which stand before them.
    """
    graph = _Graph()
    red, blue = _colours(graph, layout, height, width, channels_last=channels_last, kind=kind)
    if layout not in ("yolov5", "yolov8", "yolo-nms"):
        blue = graph.op("Mul", blue, graph.constant(0.0))
    scales = [_Cells(graph, red, blue, (height, width), stride, window) for stride in (8, 16, 32)]
    outputs = _HEADS[layout](graph, scales, (height, width), classes, landmarks)
    sides: list[Any] = ["height", "width"] if free else [height, width]
    shape = [batch, *sides, 3] if channels_last else [batch, 3, *sides]
    return graph.save(path, _KINDS[kind], shape, outputs, metadata or {})


class _Graph:
    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []

    def op(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        names = [f"{kind}_{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def named(self, tensor: str, name: str) -> str:
        self.nodes.append(helper.make_node("Identity", [tensor], [name]))
        return name

    def concat(self, parts: Sequence[str], axis: int) -> str:
        return self.op("Concat", *parts, axis=axis)

    def scaled(self, tensor: str, factor: float, shift: Any = 0.0) -> str:
        product = self.op("Mul", tensor, self.constant(factor))
        return self.op("Add", product, self.constant(shift))

    def save(
        self, path: Path, kind: int, shape: list[Any], outputs: list[str], metadata: dict[str, str]
    ) -> Path:
        given = helper.make_tensor_value_info("images", kind, shape)
        made = [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs]
        graph = helper.make_graph(self.nodes, "squares", [given], made, self.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        helper.set_model_props(model, metadata)
        onnx.save(onnx.shape_inference.infer_shapes(model), path)
        return path


def _colours(
    g: _Graph, layout: str, height: int, width: int, *, channels_last: bool, kind: str
) -> tuple[str, str]:
    """How much of each pixel is red and blue, 0 to 1, [n, 1, height, width]."""
    order, factor, mean = _INPUTS[layout]
    x = g.op("Cast", "images", to=TensorProto.FLOAT)
    if channels_last:
        x = g.op("Transpose", x, perm=[0, 3, 1, 2])
    if kind == "uint8":  # such models scale by themselves
        factor, mean = 1, (0, 0, 0)
    shift = np.array(mean, np.float32).reshape(1, 3, 1, 1) / 255
    x = g.scaled(x, 1 / (factor * 255), shift)
    first, green, last = g.op("Split", x, outputs=3, axis=1)
    red, blue = (first, last) if order == "RGB" else (last, first)
    return tuple(
        g.op("Relu", g.op("Sub", one, g.op("Max", green, other)))
        for one, other in ((red, blue), (blue, red))
    )


class _Cells:
    """Of one stride, [1, 1, n] each: cx, cy, w, h in pixels; how much of the cell is covered,
    by red, by blue; and the cells' top left corners, f32[n]."""

    def __init__(
        self, g: _Graph, red: str, blue: str, size: tuple[int, int], stride: int, window: int
    ) -> None:
        height, width = size
        self.stride, self.n = stride, (height // stride) * (width // stride)
        y, x = np.mgrid[:height, :width].astype(np.float32) + np.float32(0.5)
        powers = np.stack([np.ones_like(x), x, x * x, y, y * y])[None]
        mass = g.op("Mul", g.op("Add", red, blue), g.constant(powers))
        pad = (window - stride) // 2
        pooled = g.op(
            "AveragePool",
            mass,
            kernel_shape=[1, window],
            strides=[1, stride],
            pads=[0, pad, 0, pad],
            count_include_pad=1,
        )
        pooled = g.op(
            "AveragePool",
            pooled,
            kernel_shape=[window, 1],
            strides=[stride, 1],
            pads=[pad, 0, pad, 0],
            count_include_pad=1,
        )
        total, sx, sxx, sy, syy = g.op("Split", self._flat(g, pooled, 5), outputs=5, axis=1)
        total = g.op("Max", total, g.constant(1e-6))
        self.cx, self.w = self._moments(g, total, sx, sxx)
        self.cy, self.h = self._moments(g, total, sy, syy)
        self.red, self.blue = (
            self._flat(
                g,
                g.op("AveragePool", c, kernel_shape=[stride] * 2, strides=[stride] * 2),
                1,
            )
            for c in (red, blue)
        )
        self.cover = g.op("Add", self.red, self.blue)
        self.top, self.left = (
            np.mgrid[: height // stride, : width // stride].reshape(2, -1).astype(np.float32)
            * stride
        )

    def _flat(self, g: _Graph, tensor: str, channels: int) -> str:
        return g.op("Reshape", tensor, g.constant([-1, channels, self.n], np.int64))

    @staticmethod
    def _moments(g: _Graph, total: str, first: str, second: str) -> tuple[str, str]:
        centre = g.op("Div", first, total)
        spread = g.op("Sub", g.op("Div", second, total), g.op("Mul", centre, centre))
        return centre, g.op("Sqrt", g.op("Relu", g.scaled(spread, 12.0, 1.0)))

    def corners(self, g: _Graph) -> list[str]:
        half_w, half_h = g.scaled(self.w, 0.5), g.scaled(self.h, 0.5)
        low = [g.op("Sub", self.cx, half_w), g.op("Sub", self.cy, half_h)]
        return [*low, g.op("Add", self.cx, half_w), g.op("Add", self.cy, half_h)]


def _rows(g: _Graph, tensor: str) -> str:
    return g.op("Transpose", tensor, perm=[0, 2, 1])


def _zeros(g: _Graph, like: str, count: int) -> list[str]:
    return [g.op("Mul", like, g.constant(0.0)) for _ in range(count)]


def _scores(cells: _Cells, classes: int) -> list[str]:
    return [cells.red, cells.blue] if classes == 2 else [cells.cover]


def _yolov5(g: _Graph, scales: list[_Cells], size: Any, classes: int, landmarks: int) -> list[str]:
    parts = []
    for c in scales:
        points, scores = _zeros(g, c.cx, landmarks), _scores(c, classes)
        order = [*points, *scores] if landmarks == 10 else [*scores, *points]
        parts += [g.concat([c.cx, c.cy, c.w, c.h, c.cover, *order], 1)] * 3
    return [g.named(_rows(g, g.concat(parts, 2)), "output0")]


def _yolov8(g: _Graph, scales: list[_Cells], size: Any, classes: int, landmarks: int) -> list[str]:
    parts = []
    for c in scales:
        columns = [c.cx, c.cy, c.w, c.h, *_scores(c, classes), *_zeros(g, c.cx, landmarks)]
        parts.append(g.concat(columns, 1))
    return [g.named(g.concat(parts, 2), "output0")]


def _yolo_nms(
    g: _Graph, scales: list[_Cells], size: Any, classes: int, landmarks: int
) -> list[str]:
    """Of each square the one cell in which its centre lies."""
    c = scales[0]
    middle = c.cover
    for at, edge in ((c.cx, c.left), (c.cy, c.top)):
        away = g.op("Abs", g.op("Sub", at, g.constant(edge + c.stride / 2)))
        near = g.op("Less", away, g.constant(c.stride / 2))
        middle = g.op("Mul", middle, g.op("Cast", near, to=TensorProto.FLOAT))
    number = g.op("Cast", g.op("Greater", c.blue, c.red), to=TensorProto.FLOAT)
    rows = g.concat([*c.corners(g), middle, number], 1)
    flat = g.op("Reshape", middle, g.constant([-1], np.int64))
    _, best = g.op("TopK", flat, g.constant([30], np.int64), outputs=2)
    return [g.named(_rows(g, g.op("Gather", rows, best, axis=2)), "output0")]


def _yunet(g: _Graph, scales: list[_Cells], size: Any, classes: int, landmarks: int) -> list[str]:
    names: dict[str, list[str]] = {"cls": [], "obj": [], "bbox": [], "kps": []}
    for c in scales:
        s = c.stride
        columns = [g.scaled(c.cx, 1 / s, -c.left / s), g.scaled(c.cy, 1 / s, -c.top / s)]
        columns += [g.op("Log", g.scaled(side, 1 / s)) for side in (c.w, c.h)]
        heads = {
            "cls": c.cover,
            "obj": c.cover,
            "bbox": g.concat(columns, 1),
            "kps": g.concat(_zeros(g, c.cx, 10), 1),
        }
        for name, head in heads.items():
            names[name].append(g.named(_rows(g, head), f"{name}_{s}"))
    return [name for group in names.values() for name in group]


def _scrfd(g: _Graph, scales: list[_Cells], size: Any, classes: int, landmarks: int) -> list[str]:
    """Two anchors a point, and no batch dimension, as these are exported."""
    groups: list[list[str]] = [[], [], []]
    for c in scales:
        x1, y1, x2, y2 = c.corners(g)
        away = [
            g.op("Sub", g.constant(c.left), x1),
            g.op("Sub", g.constant(c.top), y1),
            g.op("Sub", x2, g.constant(c.left)),
            g.op("Sub", y2, g.constant(c.top)),
        ]
        boxes = g.scaled(g.concat(away, 1), 1 / c.stride)
        heads = (c.cover, boxes, g.concat(_zeros(g, c.cx, 10), 1))
        for group, head, columns in zip(groups, heads, (1, 4, 10), strict=True):
            twice = g.concat([_rows(g, head)] * 2, 2)
            flat = g.op("Reshape", twice, g.constant([2 * c.n, columns], np.int64))
            group.append(g.named(flat, f"{440 + len(g.nodes)}"))
    return [name for group in groups for name in group]


def _retinaface(
    g: _Graph, scales: list[_Cells], size: Any, classes: int, landmarks: int
) -> list[str]:
    boxes, scores = [], []
    for c, sides in zip(scales, ((16, 32), (64, 128), (256, 512)), strict=True):
        rows = []
        for side in sides:
            columns = [
                g.scaled(g.op("Sub", at, g.constant(edge + c.stride / 2)), 1 / (0.1 * side))
                for at, edge in ((c.cx, c.left), (c.cy, c.top))
            ]
            columns += [g.scaled(g.op("Log", g.scaled(s, 1 / side)), 1 / 0.2) for s in (c.w, c.h)]
            rows.append(_rows(g, g.concat(columns, 1)))
        interleaved = g.concat(rows, 2)
        boxes.append(g.op("Reshape", interleaved, g.constant([-1, 2 * c.n, 4], np.int64)))
        both = _rows(g, g.concat([g.scaled(c.cover, -1.0, 1.0), c.cover], 1))
        twice = g.concat([both, both], 2)
        scores.append(g.op("Reshape", twice, g.constant([-1, 2 * c.n, 2], np.int64)))
    whole, sure = g.concat(boxes, 1), g.concat(scores, 1)
    points = g.concat([g.op("Mul", sure, g.constant(0.0))] * 5, 2)
    return [g.named(whole, "bbox"), g.named(sure, "conf"), g.named(points, "landmark")]


def _ultraface(
    g: _Graph, scales: list[_Cells], size: tuple[int, int], classes: int, landmarks: int
) -> list[str]:
    height, width = size
    boxes, scores = [], []
    for c in scales:
        sides = (width, height, width, height)
        columns = [g.scaled(t, 1 / s) for t, s in zip(c.corners(g), sides, strict=True)]
        boxes.append(_rows(g, g.concat(columns, 1)))
        scores.append(_rows(g, g.concat([g.scaled(c.cover, -1.0, 1.0), c.cover], 1)))
    return [g.named(g.concat(scores, 1), "scores"), g.named(g.concat(boxes, 1), "boxes")]


_HEADS = {
    "yolov5": _yolov5,
    "yolov8": _yolov8,
    "yolo-nms": _yolo_nms,
    "yunet": _yunet,
    "scrfd": _scrfd,
    "retinaface": _retinaface,
    "ultraface": _ultraface,
}
