"""Small ONNX models with an output that a test can compute by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

Side = int | str


def flatten(path: Path, side: int, **options: Any) -> Path:
    """Output: the input itself, in order of its layout, n x (3 * side * side)."""
    return _save(path, [helper.make_node("Flatten", ["x"], ["y"])], side, side, **options)


def mean_and_max(path: Path, height: Side, width: Side, **options: Any) -> Path:
    """Output n x 6: mean, then maximum of each channel."""
    axes = [1, 2] if options.get("layout") == "NHWC" else [2, 3]
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=axes, keepdims=0),
        helper.make_node("ReduceMax", ["x"], ["max"], axes=axes, keepdims=0),
        helper.make_node("Concat", ["mean", "max"], ["y"], axis=1),
    ]
    return _save(path, nodes, height, width, **options)


def pooled(path: Path, side: int) -> Path:
    """Output n x 3 x 1 x 1, as backbones have it that were cut off before their last layer."""
    return _save(path, [helper.make_node("GlobalAveragePool", ["x"], ["y"])], side, side)


def two_inputs(path: Path) -> Path:
    """A model that does not take one batch of pictures."""
    shape = ["n", 3, 8, 8]
    inputs = [helper.make_tensor_value_info(x, TensorProto.FLOAT, shape) for x in ("x", "z")]
    nodes = [helper.make_node("Add", ["x", "z"], ["s"]), helper.make_node("Flatten", ["s"], ["y"])]
    return _write(path, nodes, inputs)


def _save(
    path: Path,
    nodes: list[Any],
    height: Side,
    width: Side,
    *,
    layout: str = "NCHW",
    batch: int | str = "n",
    kind: int = TensorProto.FLOAT,
) -> Path:
    """A non-float input is cast to float before the nodes."""
    shape = [batch, height, width, 3] if layout == "NHWC" else [batch, 3, height, width]
    given = "x" if kind == TensorProto.FLOAT else "given"
    if given != "x":
        nodes = [helper.make_node("Cast", [given], ["x"], to=TensorProto.FLOAT), *nodes]
    inputs = [helper.make_tensor_value_info(given, kind, shape)]
    return _write(path, nodes, inputs)


def _write(path: Path, nodes: list[Any], inputs: list[Any]) -> Path:
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "test", inputs, [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    return path
