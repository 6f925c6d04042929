"""Boxes in pictures, by an ONNX detector that the user names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fastdup_gpu._errors import MissingDependency

if TYPE_CHECKING:
    from fastdup_gpu.detection.detector import Detector

__all__ = ["open_detector"]


def open_detector(
    path: Path,
    *,
    face: bool,
    confidence: float,
    iou: float,
    size: int = 0,
    cuda_device: int | None = None,
) -> Detector:
    """Open an ONNX file, try it on an empty picture, and tell from what it gives how to read it.

    `face`: of two readings of the same shape, the one of a face detector is taken.
    `confidence`, `iou`, `size`: see `_params.DetectorPlan`. `cuda_device`: its number, where
    onnxruntime's CUDA provider is to be used if there is one; `Detector.provider` tells.

    Raises ModelError for a file that cannot be opened or is no detector of a known layout,
    InvalidArgument for a `size` that the file does not take, MissingDependency without
    onnxruntime or OpenCV.
    """
    try:
        from fastdup_gpu.detection.detector import Detector
    except ImportError as error:
        raise MissingDependency(
            f"detectors need the package {error.name or error}, which is not installed: "
            "pip install 'fastdup-gpu[cpu]'"
        ) from error
    return Detector(
        path, face=face, confidence=confidence, iou=iou, size=size, cuda_device=cuda_device
    )
