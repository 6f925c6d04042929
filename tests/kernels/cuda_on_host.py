"""Builds a kernel source against the host shim and runs it on numpy arrays."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

HERE = Path(__file__).parent
KERNELS = HERE.parents[1] / "kernels"
FLAGS = (
    "-std=c++17 -O2 -fPIC -shared -fvisibility=hidden "
    "-U_FORTIFY_SOURCE -ffp-contract=off "
    "-fsanitize=signed-integer-overflow,bounds,integer-divide-by-zero "
    "-fsanitize-undefined-trap-on-error"
).split()


def build(folder: Path, source: Path) -> ctypes.CDLL:
    """The shared object of one .cu file; skips the test where there is no g++."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("g++ is needed to run the kernels on the CPU")
    names = re.findall(
        r"__global__ void (?:__launch_bounds__\(\w+\)\s*)?(\w+)\(", source.read_text()
    )
    unit, library = folder / f"{source.stem}.cpp", folder / f"{source.stem}.so"
    exports = "".join(f"SHIM_EXPORT({name})\n" for name in names)
    unit.write_text(f'#include "cuda_shim.h"\n#include "{source}"\n{exports}')
    include = [f"-I{HERE / 'host_shim'}", f"-I{KERNELS}"]
    subprocess.run([compiler, *FLAGS, *include, "-o", library, unit], check=True)
    loaded = ctypes.CDLL(str(library))
    loaded.shim_error.restype = ctypes.c_char_p
    return loaded


class HostKernel:
    """Called like a CuPy kernel; numpy arrays take the place of device arrays."""

    def __init__(self, library: ctypes.CDLL, name: str, *, reverse: bool = False) -> None:
        self._error = library.shim_error
        self._launch = getattr(library, f"launch_{name}")
        self._launch.restype = ctypes.c_bool
        self._reverse = reverse

    def __call__(
        self,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        args: tuple[Any, ...],
        blocks: range | None = None,
    ) -> None:
        """Run the whole grid, or only the blocks with these linear numbers (x fastest)."""
        grid = (*grid, 1)[:2]
        chosen = range(grid[0] * grid[1]) if blocks is None else blocks
        values = [np.uint64(a.ctypes.data) if isinstance(a, np.ndarray) else a for a in args]
        cells = [np.array(v) for v in values]
        pointers = (ctypes.c_void_p * len(cells))(*(c.ctypes.data for c in cells))
        sizes = (ctypes.c_int * len(cells))(*(c.itemsize for c in cells))
        done = self._launch(
            (ctypes.c_uint * 2)(*grid),
            ctypes.c_uint(block[0]),
            ctypes.c_int64(chosen.start),
            ctypes.c_int64(chosen.stop),
            ctypes.c_bool(self._reverse),
            pointers,
            sizes,
            ctypes.c_int(len(cells)),
        )
        if not done:
            raise RuntimeError(self._error().decode())
