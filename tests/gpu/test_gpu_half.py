"""Models rewritten in fp16, where that is not ours to do."""

from __future__ import annotations

import numpy as np
import pytest

from fastdup_gpu._errors import ModelError
from fastdup_gpu.gpu.half import to_half

onnx = pytest.importorskip("onnx", reason="rewrites models in fp16")


def convolution(kind: np.dtype) -> bytes:
    """A convolution and a mean, all in one type."""
    from onnx import helper, numpy_helper

    weights = numpy_helper.from_array(np.ones((4, 3, 3, 3), kind), "w")
    code = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    ends = (("x", ["n", 3, 8, 8]), ("z", ["n", 4, 1, 1]))
    given, taken = ([helper.make_tensor_value_info(name, code, shape)] for name, shape in ends)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["y"]),
        helper.make_node("GlobalAveragePool", ["y"], ["z"]),
    ]
    graph = helper.make_graph(nodes, "g", given, taken, [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return model.SerializeToString()


@pytest.mark.parametrize("kind", [np.float16, np.float64])
def test_a_model_of_another_type_than_fp32_is_left_alone(kind):
    model = convolution(kind)
    assert to_half(model) == model


def test_a_model_in_fp32_is_rewritten_and_runs():
    onnxruntime = pytest.importorskip("onnxruntime", reason="runs it")
    made = to_half(convolution(np.float32))
    assert made != convolution(np.float32)
    session = onnxruntime.InferenceSession(made, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": np.ones((2, 3, 8, 8), np.float32)})
    np.testing.assert_array_equal(found, np.full((2, 4, 1, 1), 27, np.float32))


def test_what_is_no_model_is_refused():
    with pytest.raises(ModelError, match="not an ONNX model"):
        to_half(b"PK not a model")
