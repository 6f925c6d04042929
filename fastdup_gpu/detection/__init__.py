"""Finds boxes in images with a user's own ONNX detector."""

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
    """Open an ONNX file and detect its layout by running it on an empty image.

    `face`: if its outputs can be read in two ways, prefer that of a face detector. `confidence`,
    `iou`, `size`: see `_params.DetectorPlan`. `cuda_device`: the GPU to use with onnxruntime's CUDA
    provider, if that is available; `Detector.provider` says which one was used.

    Raises ModelError for a file that cannot be opened or is not a detector of a known layout,
    InvalidArgument for a `size` that the file does not accept, MissingDependency without
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
