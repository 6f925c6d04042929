"""The input of a model file: its layout, size and type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastdup_gpu._errors import ModelError
from fastdup_gpu.protocol import ModelSpec

TYPES = {"float32": np.float32, "float16": np.float16, "uint8": np.uint8}
_ONNX_NAMES = {"float": "float32"}
_FALLBACK_SIDE = 224


@dataclass(frozen=True, slots=True)
class Form:
    """`shape` of a batch of n is (n, 3, height, width), or (n, height, width, 3) if the channels
    come last; `batch` is the only n that the file accepts, 0 = any."""

    name: str
    dtype: Any
    channels_first: bool
    height: int
    width: int
    batch: int

    def shape(self, n: int) -> tuple[int, int, int, int]:
        """The shape of a batch of n images."""
        if self.channels_first:
            return n, 3, self.height, self.width
        return n, self.height, self.width, 3


def read_form(spec: ModelSpec, inputs: Sequence[tuple[str, str, Sequence[Any]]]) -> Form:
    """The form of a model whose inputs are (name, numpy's name of the type, shape).

    Free dimensions are anything but whole numbers above 0. Raises ModelError.
    """
    if len(inputs) != 1:
        raise ModelError(f"{spec.path.name} takes {len(inputs)} inputs, expected one: images")
    name, kind, shape = inputs[0]
    if kind not in TYPES:
        raise ModelError(f"{spec.path.name} takes {kind}, expected float, float16 or uint8")
    if len(shape) != 4:
        raise ModelError(f"{spec.path.name} takes shape {list(shape)}, expected 4 dimensions")
    first = shape[1] == 3 or (shape[3] != 3 and shape[1] != 1)
    height, width = shape[2:] if first else shape[1:3]
    sides = _side(height, spec.height), _side(width, spec.width)
    return Form(name, TYPES[kind], first, *sides, _whole(shape[0]))


def numpy_name(kind: str) -> str:
    """numpy's name of a type of onnxruntime, such as 'tensor(float)'."""
    inner = kind.removeprefix("tensor(").removesuffix(")")
    return _ONNX_NAMES.get(inner, inner)


def check_dim(spec: ModelSpec, dim: int) -> int:
    """Return `dim` if it is that of the spec; raises ModelError otherwise."""
    if dim != spec.dim:
        raise ModelError(
            f"{spec.path.name} outputs vectors of length {dim}, but d={spec.dim} was given; "
            f"pass d={dim}"
        )
    return dim


def _side(of_file: Any, of_spec: int) -> int:
    return _whole(of_file) or of_spec or _FALLBACK_SIDE


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0
