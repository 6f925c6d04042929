"""Make a packaged int8 model from the fp16-weight file and its calibrated int8 form.

    python make_int8.py FP16.onnx CALIBRATED.onnx TARGET.onnx        (needs onnx and numpy)

CALIBRATED is a static QDQ quantisation of the same network: its activation scales, biases and
depthwise weights are kept. What changes:

1. The stem. Sub(127), Mul(1/128), Conv in float become one convolution on the picture's bytes:
   (x - 127) / 128 is a quantised tensor with scale 1/128 and zero point 127, without loss.
2. Dense weights. x86 processors without 8-bit dot products add two products of 8 bits in 16
   (VPMADDUBSW), and clip what does not fit. Each output channel's scale is the finest at which
   no two neighbouring weights of one sign sum to more than 128: 255 * 128 < 2^15, so every
   processor computes the same.
3. The unit vector at the end stays in float.
"""

from __future__ import annotations

import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

PAIR_LIMIT = 128
MOST_BIAS = 2.0**30
HEAD = ("l2_", "cal_")  # the tensors at the end that were quantised


class Graph:
    """An ONNX graph whose stored tensors are read and replaced by name."""

    def __init__(self, path: str) -> None:
        self.model = onnx.load(path)
        self.nodes = list(self.model.graph.node)
        self.stored = {t.name: numpy_helper.to_array(t) for t in self.model.graph.initializer}

    def maker(self, tensor: str) -> onnx.NodeProto:
        """The node that makes a tensor."""
        return next(node for node in self.nodes if tensor in node.output)

    def save(self, path: str) -> None:
        """Write it with the stored tensors that are still read, after onnx has checked it."""
        graph = self.model.graph
        read = {name for node in self.nodes for name in node.input}
        del graph.node[:], graph.initializer[:], graph.value_info[:]
        graph.node.extend(self.nodes)
        kept = ((name, value) for name, value in self.stored.items() if name in read)
        graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in kept)
        onnx.checker.check_model(self.model)
        onnx.save(self.model, path)


def main(fp16: str, calibrated: str, target: str) -> None:
    """Read, rewrite, write."""
    exact, graph = Graph(fp16).stored, Graph(calibrated)
    _keep_head_in_float(graph)
    for node in graph.nodes:
        if node.op_type == "Conv" and _is_quantised(graph, node) and _groups(node) == 1:
            _requantise(graph, node, exact)
    _fold_stem(graph)
    graph.save(target)


def _keep_head_in_float(graph: Graph) -> None:
    quantisers = ("QuantizeLinear", "DequantizeLinear")
    gone = {
        node.output[0]: node.input[0]
        for node in graph.nodes
        if node.op_type in quantisers and node.output[0].startswith(HEAD)
    }
    graph.nodes = [node for node in graph.nodes if node.output[0] not in gone]
    for node in graph.nodes:
        for place, name in enumerate(node.input):
            while name in gone:
                name = gone[name]
            node.input[place] = name


def _is_quantised(graph: Graph, node: onnx.NodeProto) -> bool:
    return any(node.input[1] in other.output for other in graph.nodes)


def _groups(node: onnx.NodeProto) -> int:
    return next((a.i for a in node.attribute if a.name == "group"), 1)


def _requantise(graph: Graph, node: onnx.NodeProto, exact: dict[str, np.ndarray]) -> None:
    weight, weight_scale, _ = graph.maker(node.input[1]).input
    bias, bias_scale, _ = graph.maker(node.input[2]).input
    pixel_scale = graph.stored[graph.maker(node.input[0]).input[1]]
    values = exact[weight.replace("_quantized", "_h")].astype(np.float64)
    shift = graph.stored[bias] * graph.stored[bias_scale].astype(np.float64)
    scale = _finest_scale(values, shift / pixel_scale)
    graph.stored[weight] = _quantised(values, scale)
    graph.stored[weight_scale] = scale
    graph.stored[bias_scale] = scale * pixel_scale
    graph.stored[bias] = np.rint(shift / graph.stored[bias_scale].astype(float)).astype(np.int32)


def _finest_scale(values: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """f32[out] for weights [out, in, h, w] at which pairs, single weights and biases fit."""
    sums = [_pair_sums(sign * values).max(axis=(1, 2, 3)) / PAIR_LIMIT for sign in (1, -1)]
    alone = np.abs(values).max(axis=(1, 2, 3)) / 127
    return np.max([*sums, alone, np.abs(shift) / MOST_BIAS], axis=0).astype(np.float32)


def _pair_sums(values: np.ndarray) -> np.ndarray:
    """What is positive of input channels 0 and 1, 2 and 3, ... added up."""
    positive = np.maximum(values, 0)
    return positive[:, 0::2] + positive[:, 1::2]


def _quantised(values: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """int8 weights; of a pair that rounding took over the limit, the larger gives way."""
    rounded = np.rint(values / scale[:, None, None, None]).astype(np.int64)
    for sign in (1, -1):
        over = _pair_sums(sign * rounded) > PAIR_LIMIT
        even, odd = rounded[:, 0::2], rounded[:, 1::2]
        first = sign * even >= sign * odd
        even[over & first] -= sign
        odd[over & ~first] -= sign
    return rounded.astype(np.int8)


def _fold_stem(graph: Graph) -> None:
    subtract, factor, convolve = (
        next(node for node in graph.nodes if node.op_type == kind)
        for kind in ("Sub", "Mul", "Conv")
    )
    weights, bias = (graph.stored[name].astype(np.float64) for name in convolve.input[1:])
    pixel_scale = graph.stored[factor.input[1]].flat[0]
    # Which weights meet in a pair depends here on the engine: any two may.
    alone = np.abs(weights).max(axis=(1, 2, 3)) / (PAIR_LIMIT // 2)
    scale = np.maximum(alone, np.abs(bias / pixel_scale) / MOST_BIAS).astype(np.float32)
    graph.stored |= {
        "pixel_scale": pixel_scale,
        "pixel_zero": np.uint8(graph.stored[subtract.input[1]].flat[0]),
        "stem_weight": _keeping_sums(weights / scale[:, None, None, None]),
        "stem_weight_scale": scale,
        "stem_weight_zero": np.zeros(len(scale), np.int8),
        "stem_bias": np.rint(bias / (scale * pixel_scale).astype(float)).astype(np.int32),
        "stem_bias_scale": scale * pixel_scale,
        "stem_bias_zero": np.zeros(len(scale), np.int32),
    }
    convolve.input[:] = ["pixel_values", "stem_weight_values", "stem_bias_values"]
    rest = [node for node in graph.nodes if node not in (subtract, factor)]
    graph.nodes = [*_stem_inputs(), *rest]
    shape = ["batch", "height", "width", 3]
    del graph.model.graph.input[:]
    given = helper.make_tensor_value_info("pixels", TensorProto.UINT8, shape)
    graph.model.graph.input.append(given)


def _keeping_sums(levels: np.ndarray) -> np.ndarray:
    """int8 of [out, in, h, w], rounded so that the sum over h and w is off by at most a half.

    A filter that answers nothing to an even surface goes on to do so.
    """
    flat = levels.reshape(*levels.shape[:2], -1)
    rounded = np.rint(flat)
    left = flat - rounded
    missing = np.rint(left.sum(axis=2, keepdims=True))
    rank = np.argsort(np.argsort(-np.sign(missing) * left, axis=2), axis=2)
    rounded += np.sign(missing) * (rank < np.abs(missing))
    return rounded.reshape(levels.shape).astype(np.int8)


def _stem_inputs() -> list[onnx.NodeProto]:
    return [
        helper.make_node("Transpose", ["pixels"], ["pixels_nchw"], perm=[0, 3, 1, 2]),
        _dequantise(["pixels_nchw", "pixel_scale", "pixel_zero"], "pixel_values"),
        _dequantise(_triple("stem_weight"), "stem_weight_values", axis=0),
        _dequantise(_triple("stem_bias"), "stem_bias_values", axis=0),
    ]


def _triple(name: str) -> list[str]:
    return [name, f"{name}_scale", f"{name}_zero"]


def _dequantise(inputs: list[str], output: str, **attributes: int) -> onnx.NodeProto:
    return helper.make_node("DequantizeLinear", inputs, [output], **attributes)


if __name__ == "__main__":
    main(*sys.argv[1:])
