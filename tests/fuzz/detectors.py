"""Detectors that users name: the ONNX file, and what a model may give for a picture."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from fuzz.target import Target

_SIDE = 64
_CELLS = sum((_SIDE // stride) ** 2 for stride in (8, 16, 32))
# Shapes of the outputs for one picture of 64 x 64, in the order of the families.
_SHAPES: dict[str, list[tuple[int, ...]]] = {
    "yolov5": [(3 * _CELLS, 7)],
    "yolov8": [(6, _CELLS)],
    "yolo-nms": [(300, 6)],
    "yunet": [(n * n, w) for n in (8, 4, 2) for w in (1, 1, 4, 10)],
    "scrfd": [(2 * n * n, w) for n in (8, 4, 2) for w in (1, 4)],
    "retinaface": [(2 * _CELLS, 4), (2 * _CELLS, 2), (2 * _CELLS, 10)],
    "ultraface": [(100, 2), (100, 4)],
}


def _files() -> list[bytes]:
    import onnx_detectors

    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "d.onnx"
        made = []
        for layout in onnx_detectors.LAYOUTS:
            metadata = {"names": "{0: 'cat', 1: 'dog'}", "imgsz": "[64, 64]"}
            onnx_detectors.detector(
                path, layout, _SIDE, _SIDE, window=32, free=layout == "yolov8", metadata=metadata
            )
            made.append(path.read_bytes())
        return made


def _file(data: bytes, folder: Path) -> None:
    from fastdup_gpu.detection import open_detector

    path = folder / "d.onnx"
    path.write_bytes(data)
    detector = open_detector(path, face=True, confidence=0.3, iou=0.5)
    detector.detect(Image.new("RGB", (50, 40), (255, 0, 0)))


def _outputs(data: bytes, _: Path) -> None:
    """One byte chooses the family; the rest are its numbers, repeated as often as needed."""
    from fastdup_gpu.detection.candidates import suppress, usable
    from fastdup_gpu.detection.layouts import read_layout

    if len(data) < 5:
        return
    family = [*_SHAPES][data[0] % len(_SHAPES)]
    numbers = np.frombuffer(data[1 : 1 + (len(data) - 1) // 4 * 4], "<f4")
    given = [np.resize(numbers, shape) for shape in _SHAPES[family]]
    empty = [np.zeros(shape, np.float32) for shape in _SHAPES[family]]
    layout = read_layout(empty, (_SIDE, _SIDE), {}, face=family != "yolov8")
    assert layout is not None, family
    with np.errstate(all="ignore"):  # models may give any number
        found = suppress(usable(layout.decode(given, 0.3)), 0.5)
    assert np.isfinite(found.corners).all()
    assert (found.corners[:, 2:] > found.corners[:, :2]).all()
    read_layout(given, (_SIDE, _SIDE), {0: "cat"}, face=False)


def _output_seeds() -> list[bytes]:
    numbers = (10.0, 12.0, 30.0, 40.0, 0.9, 0.8, 0.1, 1e30, float("nan"), -1.0, 1.0)
    return [bytes([i]) + struct.pack("<11f", *numbers) for i in range(len(_SHAPES))]


def _record(data: bytes, folder: Path) -> None:
    """What a killed search left; the first line is the run's own."""
    from fastdup_gpu.stages.detections import Record

    path = folder / "detections.jsonl"
    path.write_bytes(b'{"fingerprint": "same"}\n' + data)
    record = Record(path, "same", resume=True)
    kept = list(record.stored())
    record.begin(kept)
    record.close()
    assert repr([*Record(path, "same", resume=True).stored()]) == repr(kept)


def _names(read: Callable[[str], object]) -> Callable[[bytes, Path], None]:
    def call(data: bytes, _: Path) -> None:
        read(data.decode("utf-8", "replace"))

    return call


def targets() -> list[Target]:
    """Targets of this family."""
    from fastdup_gpu.detection import session

    floats = (struct.pack("<f", float("inf")), struct.pack("<f", -0.0), b"\xff\xff\x7f\x7f")
    literals = (b"{0:", b"'a'", b"[640,", b"(", b"-1", b"1e999", b"[" * 300, b"0x")
    words = (b"AveragePool", b"Concat", b"axis", b"names", b"imgsz")
    searched = b'{"picture": 0, "boxes": [%s], "why": ""}\n'
    box = b'{"box": {"col_x": 1, "row_y": 2, "width": 3, "height": 4}, "label": "a", "score": 0.5,'
    record = searched % (box + b' "why": ""}') + searched % b""
    return [
        Target("detections.jsonl", lambda: [record], _record, literals),
        Target("detector.onnx", _files, _file, words, needs="onnx", weight=4),
        Target("detector.outputs", _output_seeds, _outputs, floats),
        Target(
            "detector.names",
            lambda: [b"{0: 'a'}", b"['a']"],
            _names(session._class_names),
            literals,
        ),
        Target("detector.imgsz", lambda: [b"[640, 480]"], _names(session._side), literals),
    ]
