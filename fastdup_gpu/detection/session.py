"""An ONNX file in onnxruntime: the form of its input, and running it on one image at a time.

Each call uses one thread, and several threads call at the same time, as with embedding models.
"""

from __future__ import annotations

import ast
import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastdup_gpu._errors import InvalidArgument, ModelError
from fastdup_gpu._onnxruntime import (
    CPU,
    CUDA,
    cuda_settings,
    load_cuda_libraries,
    open_session,
    ort,
)
from fastdup_gpu.detection.fitting import F32

_TYPES: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
}
_SIDE = 640  # the usual size of detectors, if the file does not say otherwise
_LONGEST = 1 << 20  # characters; a longer text is not a list of class names

_log = logging.getLogger("fastdup_gpu")


class Session:
    """`height`, `width` of the input in pixels; `raw`: it takes bytes; `names` of classes, if the
    file contains them."""

    def __init__(self, path: Path, size: int, cuda_device: int | None) -> None:
        if not path.is_file():
            raise ModelError(f"{str(path)!r} is not a file; give the ONNX file of a detector")
        self._path = path
        self._session = _open(path, cuda_device)
        self.provider = self._session.get_providers()[0]
        self._read_input(size)

    def _read_input(self, size: int) -> None:
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type not in _TYPES:
            taken = ", ".join(f"{i.name} {i.type} {i.shape}" for i in inputs)
            raise ModelError(
                f"{self._path.name} takes {taken}; expected one input of images, with 4 dimensions "
                "of type float, float16 or uint8"
            )
        self._input = inputs[0].name
        self._dtype = _TYPES[inputs[0].type]
        self.raw = self._dtype is np.uint8
        shape = [s if isinstance(s, int) and s > 0 else 0 for s in inputs[0].shape]
        self._channels_last = shape[3] == 3 and shape[1] != 3
        self._batch = shape[0] or 1
        metadata = self._metadata()
        self.names = _class_names(metadata.get("names", ""))
        height, width = shape[1:3] if self._channels_last else shape[2:]
        if size and (height or size, width or size) != (size, size):
            raise InvalidArgument(
                f"detector_size={size}, but {self._path.name} takes images of {width} x "
                f"{height} only; leave detector_size out"
            )
        free = (size, size) if size else _side(metadata.get("imgsz", ""))
        self.height, self.width = height or free[0], width or free[1]

    def _metadata(self) -> dict[str, str]:
        """The metadata that exporters wrote; {} if it is not text."""
        try:
            found: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        except UnicodeDecodeError:
            return {}
        return found

    def try_out(self) -> list[F32]:
        """All outputs for an empty image."""
        return self.run(np.zeros((self.height, self.width, 3), np.float32))

    def output_names(self) -> list[str]:
        """The names of the outputs, in the order of `run`."""
        return [output.name for output in self._session.get_outputs()]

    def run(self, pixels: F32) -> list[F32]:
        """All outputs for one image f32[height, width, 3], without the batch dimension; raises
        ModelError if the model cannot run."""
        ordered = pixels if self._channels_last else pixels.transpose(2, 0, 1)
        batch = np.zeros((self._batch, *ordered.shape), self._dtype)
        batch[0] = ordered
        try:
            arrays = self._session.run(None, {self._input: batch})
        except Exception as error:  # onnxruntime raises errors of many kinds
            raise ModelError(
                f"{self._path.name} cannot run on an image of {self.width} x {self.height}: {error}"
            ) from error
        return [self._first(array) for array in arrays]

    def _first(self, array: NDArray[Any]) -> F32:
        """The output without its batch dimension, which the heads of some exports lack."""
        one = array[0] if array.ndim > 2 and len(array) == self._batch else array
        return np.asarray(one, np.float32)


def _open(path: Path, cuda_device: int | None) -> Any:
    providers: list[Any] = [CPU]
    if cuda_device is not None and CUDA in ort.get_available_providers():
        load_cuda_libraries()
        providers.insert(0, (CUDA, cuda_settings(cuda_device)))
    session = open_session(str(path), repr(str(path)), providers)
    if cuda_device is not None and session.get_providers()[0] != CUDA:
        _log.warning(
            "the detector runs on the CPU: this onnxruntime has no usable %s; "
            "pip install 'fastdup-gpu[cu13]' (or [cu12]) installs it with CUDA and cuDNN",
            CUDA,
        )
    return session


def _class_names(text: str) -> dict[int, str]:
    """Parse the metadata `names` of Ultralytics exports, a dict or list in Python syntax."""
    given = _literal(text)
    if isinstance(given, list | tuple):
        given = dict(enumerate(given))
    if not isinstance(given, dict) or not all(isinstance(key, int) for key in given):
        return {}
    return {key: str(name) for key, name in given.items()}


def _side(text: str) -> tuple[int, int]:
    """Height and width from the metadata `imgsz`, [height, width]."""
    given = _literal(text)
    sides = tuple(given) if isinstance(given, list | tuple) else ()
    if len(sides) == 2 and all(isinstance(s, int) and 0 < s <= 4096 for s in sides):
        return sides
    return _SIDE, _SIDE


def _literal(text: str) -> object:
    try:
        return ast.literal_eval(text) if 0 < len(text) <= _LONGEST else None
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
