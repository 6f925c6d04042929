"""Every kernel compiles for the supported GPUs, by nvcc and by NVRTC (which CuPy uses)."""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib.util
import shutil
import subprocess
from pathlib import Path

import pytest
from cuda_on_host import KERNELS

from fastdup_gpu.kernels import load

NAMES = sorted(path.stem for path in KERNELS.glob("*.cu"))
CAPABILITIES = (80, 90, 100, 120)


def nvrtc() -> ctypes.CDLL:
    """NVRTC of the pip package or of the toolkit; skips the test where there is none."""
    found = []
    for package in ("nvidia.cu13", "nvidia.cuda_nvrtc"):
        try:
            spec = importlib.util.find_spec(package)
        except ModuleNotFoundError:
            continue
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            found += sorted(str(p) for p in Path(folder).glob("lib/libnvrtc.so.*"))
    nvcc = shutil.which("nvcc")
    if nvcc:
        found += sorted(str(p) for p in Path(nvcc).resolve().parents[1].glob("lib64/libnvrtc.so*"))
    found += [name for name in [ctypes.util.find_library("nvrtc")] if name]
    if not found:
        pytest.skip("NVRTC is not installed (pip install nvidia-cuda-nvrtc)")
    return ctypes.CDLL(found[0])


def compile_by_nvrtc(library: ctypes.CDLL, text: str, options: list[str]) -> tuple[int, str]:
    """(error code, log) of compiling one source text."""
    program, size = ctypes.c_void_p(), ctypes.c_size_t()
    library.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b"kernel.cu", 0, None, None)
    flags = (ctypes.c_char_p * len(options))(*(o.encode() for o in options))
    code = library.nvrtcCompileProgram(program, len(options), flags)
    library.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    library.nvrtcGetProgramLog(program, log)
    library.nvrtcDestroyProgram(ctypes.byref(program))
    return code, log.value.decode()


@pytest.mark.parametrize("name", NAMES)
def test_nvcc(name, tmp_path):
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        pytest.skip("nvcc is not installed")
    targets = [f"-gencode=arch=compute_{c},code=sm_{c}" for c in CAPABILITIES]
    command = [nvcc, *load.OPTIONS, *targets, "-Werror", "all-warnings", "-fatbin"]
    files = ["-o", str(tmp_path / "out.fatbin"), str(KERNELS / f"{name}.cu")]
    done = subprocess.run([*command, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("capability", CAPABILITIES)
@pytest.mark.parametrize("name", NAMES)
def test_nvrtc(name, capability):
    options = [*load.OPTIONS, f"-arch=sm_{capability}"]
    code, log = compile_by_nvrtc(nvrtc(), load.source(name), options)
    assert code == 0, log


def test_the_catalogue_lists_every_kernel():
    readme = (KERNELS / "README.md").read_text(encoding="utf-8")
    assert NAMES
    for name in NAMES:
        assert f"| `{name}` |" in readme
        assert (KERNELS / f"{name}.py").is_file()
