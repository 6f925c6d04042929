"""Fold the normalisation of an int8 model into its first convolution, and quantise that.

    python fold_stem.py SOURCE.onnx TARGET.onnx        (needs onnx and numpy)

The source takes float32 [batch, 3, H, W] and begins Sub(127), Mul(1/128), Conv, Clip in float.
The target takes uint8 [batch, H, W, 3]: (x - 127) / 128 is a quantised tensor with scale 1/128
and zero point 127, so the picture's bytes are the quantised input, without loss. The weights
of that convolution become int8 per output channel, its bias int32.
"""

from __future__ import annotations

import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def fold(source: str, target: str) -> None:
    """Read, rewrite, check, write."""
    model = onnx.load(source)
    graph = model.graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    subtract, scale, convolve = (
        next(node for node in graph.node if node.op_type == kind) for kind in ("Sub", "Mul", "Conv")
    )
    mean, factor, weights, bias = (
        numpy_helper.to_array(stored[name])
        for name in (subtract.input[1], scale.input[1], *convolve.input[1:])
    )
    nodes = _quantised_stem(
        graph, convolve, float(mean.flat[0]), float(factor.flat[0]), weights, bias
    )
    kept = [node for node in graph.node if node not in (subtract, scale, convolve)]
    for name in (subtract.input[1], scale.input[1], *convolve.input[1:]):
        graph.initializer.remove(stored[name])
    del graph.node[:], graph.input[:], graph.value_info[:]
    graph.node.extend(nodes + kept)
    shape = ["batch", "height", "width", 3]
    graph.input.append(helper.make_tensor_value_info("pixels", TensorProto.UINT8, shape))
    onnx.checker.check_model(model)
    onnx.save(model, target)


def _quantised_stem(graph, convolve, mean, factor, weights, bias):
    peak = np.abs(weights).reshape(len(weights), -1).max(axis=1)
    steps = np.maximum(peak / 127, 1e-6).astype(np.float32)
    bias_steps = (steps * np.float32(factor)).astype(np.float32)
    quantised = np.rint(weights / steps[:, None, None, None]).astype(np.int8)
    zeros = np.zeros(len(weights))
    for name, array in {
        "pixel_scale": np.float32(factor),
        "pixel_zero": np.uint8(mean),
        "stem_weight": quantised,
        "stem_weight_scale": steps,
        "stem_weight_zero": zeros.astype(np.int8),
        "stem_bias": np.rint(bias.astype(np.float64) / bias_steps).astype(np.int32),
        "stem_bias_scale": bias_steps,
        "stem_bias_zero": zeros.astype(np.int32),
    }.items():
        graph.initializer.append(numpy_helper.from_array(np.asarray(array), name))
    folded = onnx.NodeProto()
    folded.CopyFrom(convolve)
    folded.input[:] = ["pixel_values", "stem_weight_values", "stem_bias_values"]
    return [
        helper.make_node("Transpose", ["pixels"], ["pixels_nchw"], perm=[0, 3, 1, 2]),
        _dequantise(["pixels_nchw", "pixel_scale", "pixel_zero"], "pixel_values"),
        _dequantise(_triple("stem_weight"), "stem_weight_values", axis=0),
        _dequantise(_triple("stem_bias"), "stem_bias_values", axis=0),
        folded,
    ]


def _triple(name):
    return [name, f"{name}_scale", f"{name}_zero"]


def _dequantise(inputs, output, **attributes):
    return helper.make_node("DequantizeLinear", inputs, [output], **attributes)


if __name__ == "__main__":
    fold(*sys.argv[1:])
