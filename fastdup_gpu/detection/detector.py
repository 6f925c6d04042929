"""From an image to boxes: fit, run, decode, suppress, and convert to pixels of the image."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from fastdup_gpu._errors import ModelError
from fastdup_gpu.detection.candidates import suppress, usable
from fastdup_gpu.detection.fitting import fit
from fastdup_gpu.detection.layouts import UNDERSTOOD, Layout, read_layout
from fastdup_gpu.detection.session import Session


@dataclass(frozen=True, slots=True)
class Detection:
    """One box, clipped to the image: its corners in pixels, x2 and y2 excluded."""

    x1: float
    y1: float
    x2: float
    y2: float
    score: float
    label: str


class Detector:
    """An open detector; several threads may call `detect` at the same time.

    `layout`: the detected layout of its outputs. `provider`: the onnxruntime provider that runs it.
    """

    def __init__(
        self,
        path: Path,
        *,
        face: bool,
        confidence: float,
        iou: float,
        size: int,
        cuda_device: int | None,
    ) -> None:
        self._session = Session(path, size, cuda_device)
        self._layout = _layout(path, self._session, face=face)
        self._confidence, self._iou, self._face = confidence, iou, face
        self.layout, self.provider = self._layout.name, self._session.provider
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        self._file = {"file": path.name, "sha256": digest}

    def detect(self, picture: Image.Image) -> list[Detection]:
        """The boxes in an upright RGB image, by descending score, ties from top to bottom and left
        to right."""
        session, layout = self._session, self._layout
        fitted = fit(picture, session.height, session.width, layout.style, raw=session.raw)
        found = usable(layout.decode(session.run(fitted.pixels), self._confidence))
        if layout.name != "yolo-nms":
            found = suppress(found, self._iou)
        width, height = picture.size
        corners = fitted.to_picture(found.corners).clip(0, [width, height, width, height])
        found = usable(found._replace(corners=corners))
        return [
            Detection(x1, y1, x2, y2, score, self._label(number))
            for (x1, y1, x2, y2), score, number in zip(*(a.tolist() for a in found), strict=True)
        ]

    def _label(self, number: int) -> str:
        known = self._session.names.get(number)
        return known or ("face" if self._face and number == 0 else str(number))

    def describe(self) -> Mapping[str, Any]:
        """Properties for config.json, and to check whether boxes of an earlier run are valid."""
        return {
            **self._file,
            "layout": self.layout,
            "width": self._session.width,
            "height": self._session.height,
            "engine": "onnxruntime",
            "provider": self.provider,
            "confidence": self._confidence,
            "iou": self._iou,
        }


def _layout(path: Path, session: Session, *, face: bool) -> Layout:
    trial = session.try_out()
    layout = read_layout(trial, (session.height, session.width), session.names, face=face)
    if layout is None:
        given = zip(session.output_names(), trial, strict=True)
        shown = ", ".join(f"{name} {array.shape}" for name, array in given)
        raise ModelError(
            f"{path.name} is not a supported detector: for one image of {session.width} x "
            f"{session.height} it outputs {shown}. Supported, with decoded boxes: {UNDERSTOOD}"
        )
    return layout
