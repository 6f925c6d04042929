"""Quantise a packaged fp16-weight file statically; make_int8.py makes the packaged file of that.

    python quantise.py PHOTOS FP16.onnx CALIBRATED.onnx [--side 128]      (needs onnx)

Per channel, QDQ, the range of each activation from 48 photos and an edited view of 16 of them. The
stem, the pooling and the head stay in float here.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from network import PIXELS, stored
from onnx import numpy_helper
from tune import SEED, listed, sized
from views import bounded, view

from fastdup_gpu._onnxruntime import ort  # noqa: F401  (before onnxruntime.quantization imports it)
from fastdup_gpu.pictures import read_picture
from fastdup_gpu.protocol import PixelPlan

PHOTOS, EDITED = 48, 16


def main() -> None:
    """Parse the command line, quantise."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    for name in ("photos", "source", "target"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--side", type=int, default=128)
    args = parser.parse_args()
    quantise(args.source, args.target, samples(args.photos, args.side))


def samples(folder: Path, side: int) -> Iterator[dict[str, np.ndarray]]:
    """What the ranges of activations are taken from."""
    draw = np.random.default_rng(SEED)
    paths = draw.choice(np.array(listed(folder)), PHOTOS, replace=False)
    photos = [read_picture(path.read_bytes(), PixelPlan(side, side)) for path in paths]
    edited = [view(bounded(photo), draw, lambda draw: photos[0]) for photo in photos[:EDITED]]
    for picture in photos + edited:
        yield {PIXELS: sized(picture, side).transpose(2, 0, 1)[None].astype(np.float32)}


def quantise(source: Path, target: Path, given: Iterator[dict[str, np.ndarray]]) -> None:
    """By onnxruntime's static quantisation, of the model with its weights in float32."""
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(quantization.CalibrationDataReader):
        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(given, None)

    with tempfile.TemporaryDirectory() as folder:
        plain, ready = str(Path(folder) / "plain.onnx"), str(Path(folder) / "ready.onnx")
        onnx.save(in_float32(onnx.load(source)), plain)
        quant_pre_process(plain, ready, skip_symbolic_shape=True)
        quantization.quantize_static(
            ready,
            str(target),
            Reader(),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            op_types_to_quantize=["Conv", "Add", "Clip"],
            nodes_to_exclude=in_float(onnx.load(ready)),
        )


def in_float32(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model without Cast: its weights are stored in float32."""
    weights, nodes = stored(model), [n for n in model.graph.node if n.op_type != "Cast"]
    read = {name for node in nodes for name in node.input}
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(nodes)
    kept = ((name, value) for name, value in weights.items() if name in read)
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in kept)
    return model


def in_float(model: onnx.ModelProto) -> list[str]:
    """The nodes that stay so: the first convolution, and what is neither Conv, Clip nor a sum of
    blocks."""
    nodes = list(model.graph.node)
    first = next(node for node in nodes if node.op_type == "Conv")
    blocks = ("Conv", "Clip")
    return [
        node.name
        for node in nodes
        if node is first or not (node.op_type in blocks or node.output[0].startswith("add_"))
    ]


if __name__ == "__main__":
    main()
