"""The families of detectors: how to prepare their input, and how to read their outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastdup_gpu.detection.faces import read_faces
from fastdup_gpu.detection.fitting import F32, Style
from fastdup_gpu.detection.yolo import Decode, read_yolo

_YOLO = Style("centre", scale=1 / 255, pad=114)
STYLES = {
    "yolov5": _YOLO,
    "yolov8": _YOLO,
    "yolo-nms": _YOLO,
    # Trained on faces of 10 to 300 pixels; enlarging takes them out of that range.
    "yunet": Style("corner", "BGR", grow=False),
    "scrfd": Style("corner", mean=(127.5, 127.5, 127.5), scale=1 / 128),
    "retinaface": Style("corner", "BGR", mean=(104.0, 117.0, 123.0)),
    "ultraface": Style("stretch", mean=(127.0, 127.0, 127.0), scale=1 / 128),
}
UNDERSTOOD = (
    "YOLOv5 (n, 5 + classes), YOLOv8 and v11 (4 + classes, n), both also with landmarks or "
    "masks, YOLO with built-in suppression (n, 6), YuNet (cls, obj, bbox and kps per stride), "
    "SCRFD (score, bbox and kps per stride), RetinaFace (n, 4), (n, 2) and (n, 10), UltraFace "
    "(n, 2) and (n, 4)"
)


@dataclass(frozen=True, slots=True)
class Layout:
    """`decode` takes the outputs for one image and the smallest score."""

    name: str
    style: Style
    decode: Decode


def read_layout(
    trial: Sequence[F32], size: tuple[int, int], names: Mapping[int, str], *, face: bool
) -> Layout | None:
    """The layout of a model that outputs `trial` for an empty image of `size` = (height, width);
    None if it is not supported."""
    found = read_faces(trial, size) or read_yolo(trial, size, names, face=face)
    return Layout(found[0], STYLES[found[0]], found[1]) if found else None
