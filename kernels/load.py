"""Compiles and launches the CUDA sources of this folder.

One module is compiled per source and device, by NVRTC through `cupy.RawModule`, at its first use.
Shapes are run-time arguments, so a new image size or feature length compiles nothing again. Every
integer argument and array is int64. Launches go to CuPy's current stream and return at once; code
that reads a result on the host has to synchronise.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fastdup_gpu._errors import InvalidArgument

OPTIONS = ("-std=c++17",)
THREADS = 256
_FOLDER = Path(__file__).parent
_INCLUDE = re.compile(r'^#include "(\w+\.cuh)"$', re.MULTILINE)


def source(name: str) -> str:
    """The text of `<name>.cu` with our own headers inserted.

    The key of CuPy's compile cache is this text alone, so a change in an included file would be
    missed.
    """
    text = (_FOLDER / f"{name}.cu").read_text(encoding="utf-8")
    return _INCLUDE.sub(lambda m: (_FOLDER / m[1]).read_text(encoding="utf-8"), text)


@functools.cache
def _module(name: str, device: int) -> Any:
    import cupy

    with cupy.cuda.Device(device):
        return cupy.RawModule(code=source(name), options=OPTIONS)


@functools.cache
def _function(name: str, entry: str, device: int) -> Any:
    return _module(name, device).get_function(entry)


def kernel(name: str, entry: str = "") -> Any:
    """The kernel `entry` (default: `name`) of `<name>.cu` for the current device.

    Call it as kernel(grid, block, args).
    """
    import cupy

    return _function(name, entry or name, cupy.cuda.runtime.getDevice())


def launch(function: Any, threads: int, args: Sequence[Any]) -> None:
    """Launch one thread per element, in blocks of 256; nothing if there are no elements."""
    if threads > 0:
        function((-(-threads // THREADS),), (THREADS,), typed(args))


def typed(args: Sequence[Any]) -> tuple[Any, ...]:
    """Kernel arguments with every Python int as int64."""
    return tuple(np.int64(a) if type(a) is int else a for a in args)


def require(argument: str, array: Any, dtype: str, shape: Sequence[int]) -> None:
    """Raise InvalidArgument for an array that the kernel would misread: of another dtype, shape or
    order than expected."""
    if (
        tuple(array.shape) != tuple(shape)
        or array.dtype != np.dtype(dtype)
        or not array.flags.c_contiguous
    ):
        wanted = ", ".join(map(str, shape))
        order = "C" if array.flags.c_contiguous else "other than C"
        raise InvalidArgument(
            f"{argument} is {array.dtype}{list(array.shape)} in {order} order; expected "
            f"{dtype}[{wanted}] in C order. Convert it with cupy.ascontiguousarray(x, dtype)."
        )
