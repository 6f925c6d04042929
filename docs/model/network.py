"""The packaged ONNX file as a network that can be trained, and back."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as functional
from onnx import TensorProto, helper, numpy_helper

from fastdup_gpu._onnxruntime import ort

CUT = "add_17"  # what the first five blocks give; behind it everything is trained
PIXELS, TAIL, HEAD = "input", "gap_59f", ("head_w", "head_b")
BATCH, EPSILON, LEAST = 64, 1e-3, 1e-4
CALIBRATION = 0.95  # cos' = (cos + 0.95) / (1 + 0.95)

Arrays = dict[str, np.ndarray]


def stored(model: onnx.ModelProto) -> Arrays:
    """The weights by their name in the graph, in float32."""
    given = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    cast = {n.output[0]: given[n.input[0]] for n in model.graph.node if n.op_type == "Cast"}
    return {k: v.astype(np.float32) for k, v in {**given, **cast}.items()}


class Network(torch.nn.Module):
    """The blocks behind CUT, the pooling and the head, without the calibration."""

    def __init__(self, model: onnx.ModelProto) -> None:
        super().__init__()
        self.source = stored(model)
        nodes = list(model.graph.node)
        self.convolutions = [node for node in nodes if node.op_type == "Conv"]
        begin = next(i for i, node in enumerate(nodes) if CUT in node.output) + 1
        kinds = ("Conv", "Clip", "Add")
        behind = [node for node in nodes[begin:] if node.op_type in kinds]
        self.nodes = behind[: 1 + max(i for i, n in enumerate(behind) if n.op_type == "Conv")]
        names = [name for n in self.nodes if n.op_type == "Conv" for name in n.input[1:]]
        self.weights = torch.nn.ParameterDict(
            {name: torch.tensor(self.source[name]) for name in (*names, *HEAD)}
        )

    def go_further(self, old: Path, share: float) -> None:
        """Go on in the direction from `old`, an EfficientNet-lite0 or a file of the same kind, to
        the weights at hand."""
        if old.suffix == ".onnx":
            begun = stored(onnx.load(old))
        else:
            begun = folded(torch.load(old, map_location="cpu"), self.convolutions)
        with torch.no_grad():
            for name in set(self.weights) & set(begun):
                self.weights[name] += share * (self.weights[name] - torch.tensor(begun[name]))

    def arrays(self) -> Arrays:
        """A copy of the weights."""
        return {name: value.detach().numpy().copy() for name, value in self.weights.items()}

    def trained(self) -> Iterable[torch.nn.Parameter]:
        """All weights here."""
        return self.weights.parameters()

    def forward(self, begun: np.ndarray) -> torch.Tensor:
        """Unit rows of what CUT gave, f16[n, ...]."""
        values = torch.from_numpy(begun.astype(np.float32))
        known = {CUT: values.contiguous(memory_format=torch.channels_last)}
        for node in self.nodes:
            known[node.output[0]] = self._step(node, [known.get(name) for name in node.input])
        last = known[self.nodes[-1].output[0]].clamp(LEAST, 6)
        pooled = last.pow(3).mean((2, 3)).pow(1 / 3)
        return functional.normalize(pooled @ self.weights[HEAD[0]] + self.weights[HEAD[1]])

    def _step(self, node: onnx.NodeProto, given: list[torch.Tensor | None]) -> torch.Tensor:
        if node.op_type == "Add":
            return given[0] + given[1]
        if node.op_type == "Clip":
            return given[0].clamp(0, 6)
        weight, bias = (self.weights[name] for name in node.input[1:])
        stride = next(a.ints[0] for a in node.attribute if a.name == "strides")
        groups = next(a.i for a in node.attribute if a.name == "group")
        side, kernel = given[0].shape[2], weight.shape[2]
        total = max((-(-side // stride) - 1) * stride + kernel - side, 0)  # SAME_UPPER
        before, after = total // 2, total - total // 2
        padded = functional.pad(given[0], (before, after, before, after)) if total else given[0]
        return functional.conv2d(padded, weight, bias, stride, 0, 1, groups)

    @torch.no_grad()
    def features(self, begun: np.ndarray) -> torch.Tensor:
        """The same, a part at a time, without gradients."""
        return torch.cat([self(begun[i : i + BATCH]) for i in range(0, len(begun), BATCH)])


def folded(state: dict[str, torch.Tensor], nodes: Iterable[onnx.NodeProto]) -> Arrays:
    """Weights of an EfficientNet-lite0 with each batch normalisation in its convolution, by the
    names that `nodes`, the convolutions of the packaged file in their order, have for them."""
    kernels = [name for name, value in state.items() if value.dim() == 4]
    norms = [name[: -len(".running_mean")] for name in state if name.endswith(".running_mean")]
    found: Arrays = {}
    for node, kernel, norm in zip(nodes, kernels, norms, strict=True):
        factor = state[f"{norm}.weight"] / torch.sqrt(state[f"{norm}.running_var"] + EPSILON)
        shift = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * factor
        found[node.input[1]] = (state[kernel] * factor[:, None, None, None]).numpy()
        found[node.input[2]] = shift.numpy()
    return found


def exact_features(model: onnx.ModelProto, pictures: Iterable[np.ndarray]) -> np.ndarray:
    """f32[n, d] unit rows without the calibration, of u8[side, side, 3] in RGB."""
    weights = stored(model)
    pooled = np.concatenate([_run(model, TAIL, p[None]) for p in pictures])
    rows = pooled @ weights[HEAD[0]] + weights[HEAD[1]]
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def first_blocks(model: onnx.ModelProto, pools: Iterable[np.ndarray]) -> np.ndarray:
    """f16[n, views, ...]: what CUT is for each u8[views, side, side, 3]."""
    return np.stack([_run(model, CUT, pool).astype(np.float16) for pool in pools])


def _run(model: onnx.ModelProto, output: str, pictures: np.ndarray) -> np.ndarray:
    key = id(model), output
    if key not in _sessions:
        _sessions[key] = _session(model, output)
    values = np.ascontiguousarray(pictures.transpose(0, 3, 1, 2), np.float32)
    return _sessions[key].run(None, {PIXELS: values})[0]


_sessions: dict[tuple[int, str], ort.InferenceSession] = {}


def _session(model: onnx.ModelProto, output: str) -> ort.InferenceSession:
    part = onnx.ModelProto()
    part.CopyFrom(model)
    del part.graph.output[:]
    part.graph.output.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, None))
    options = ort.SessionOptions()
    options.log_severity_level = 3  # it warns of weights that this output does not need
    return ort.InferenceSession(
        part.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def write(
    model: onnx.ModelProto,
    network: Network,
    mixed: tuple[Arrays, float],
    seen: tuple[np.ndarray, int],
    target: Path,
) -> None:
    """The model with weights on the way from others to those trained, `mixed` are the others and
    how far, calibrated anew: the constant stands along the direction in which features vary
    least. `seen` are activations at CUT to take those of, and the side of their pictures."""
    (others, blend), (begun, side) = mixed, seen
    with torch.no_grad():
        for name, value in network.weights.items():
            value.copy_(torch.lerp(torch.from_numpy(others[name]), value, blend))
    rows = network.features(begun).numpy().astype(np.float64)
    least = np.linalg.svd(rows, full_matrices=True)[2][-1]
    new = network.arrays()
    new["const"] = least * np.sqrt(CALIBRATION)
    new["cal_s"] = np.array(1 / np.sqrt(1 + CALIBRATION))
    for tensor in model.graph.initializer:
        name = tensor.name.removesuffix("_h")
        if name in new:
            kind = numpy_helper.to_array(tensor)
            value = new[name].reshape(kind.shape).astype(kind.dtype)
            tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))
    told = {entry.key: entry for entry in model.metadata_props}
    told["calibration"].value = f"cos'=(cos+{CALIBRATION})/(1+{CALIBRATION})"
    told["size"].value = str(side)
    onnx.checker.check_model(model)
    onnx.save(model, target)
