"""Rewrites ONNX files to compute their convolutions in fp16.

TensorRT takes the precision from the file. Convolutions and the simple operations after them
run in fp16; pooling, powers and norms at the end stay in fp32, where fp16 could overflow.
"""

from __future__ import annotations

from typing import Any

from fastdup_gpu._errors import MissingDependency, ModelError

# Operations that start a part in fp16, and those that continue it if their input is in fp16.
_BEGINS = ("Conv", "ConvTranspose")
_GOES_ON = (
    "Add AveragePool Clip Concat HardSigmoid HardSwish LeakyRelu MaxPool Mul PRelu Relu Sigmoid"
).split()
_HALF, _FULL = 10, 1  # onnx.TensorProto.FLOAT16 and FLOAT
REWRITE = 1  # part of the key of cached engines: raise it when the rewriting changes


def to_half(model: bytes) -> bytes:
    """The same model with fp16 parts; input and output stay as they are.

    A model whose convolutions have another type than fp32 is returned unchanged. Raises
    MissingDependency without the package onnx, ModelError if it is not a model.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingDependency(
            "a model in fp16 needs the package onnx, which is not installed: pip install onnx"
        ) from error
    try:
        parsed = onnx.load_model_from_string(model)
    except Exception as error:  # protobuf raises errors of its own
        raise ModelError(f"the file is not an ONNX model: {error}") from error
    if not _in_full(parsed.graph):
        return model
    _Rewriter(onnx, parsed.graph).rewrite()
    written: bytes = parsed.SerializeToString()
    return written


def _in_full(graph: Any) -> bool:
    """Whether all convolutions have weights in fp32."""
    kinds = {tensor.name: tensor.data_type for tensor in graph.initializer}
    weights = {name for node in graph.node if node.op_type in _BEGINS for name in node.input}
    return all(kinds.get(name, _FULL) == _FULL for name in weights)


class _Rewriter:
    """One graph. `_half`: the names of tensors that exist in fp16, by their names in fp32."""

    def __init__(self, onnx: Any, graph: Any) -> None:
        self._onnx = onnx
        self._graph = graph
        self._nodes: list[Any] = []
        self._half: dict[str, str] = {}
        self._other = self._not_floats()

    def rewrite(self) -> None:
        """Replace the graph's nodes."""
        for node in list(self._graph.node):
            if node.op_type in _BEGINS or (
                node.op_type in _GOES_ON and any(name in self._half for name in node.input)
            ):
                self._in_half(node)
            else:
                self._nodes.append(node)
        del self._graph.node[:]
        self._graph.node.extend(self._nodes)
        del self._graph.value_info[:]

    def _in_half(self, node: Any) -> None:
        """The node on fp16 tensors, and its results under their old names in fp32.

        Every runtime drops a cast whose result is not used.
        """
        for i, name in enumerate(node.input):
            if name and name not in self._other:
                node.input[i] = self._half_of(name)
        for i, name in enumerate(node.output):
            if name:
                self._half[name] = node.output[i] = f"{name}__half"
        self._nodes.append(node)
        for name in node.output:
            if name:
                self._cast(name, name.removesuffix("__half"), _FULL)

    def _half_of(self, name: str) -> str:
        if name not in self._half:
            self._half[name] = f"{name}__half"
            self._cast(name, self._half[name], _HALF)
        return self._half[name]

    def _cast(self, source: str, target: str, to: int) -> None:
        node = self._onnx.helper.make_node("Cast", [source], [target], to=to)
        self._nodes.append(node)

    def _not_floats(self) -> set[str]:
        """Names of tensors of the graph that are whole numbers, such as shapes."""
        tensors = ((t.name, t.data_type) for t in self._graph.initializer)
        return {name for name, kind in tensors if kind not in (_FULL, _HALF)}
