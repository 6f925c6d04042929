"""Is there a GPU, its driver, and the packages of the GPU backend? Answered without importing them.

Installed, of a supported version, and usable are three different answers; `check` gives all.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import re
import sys
import threading
from dataclasses import dataclass, replace

from fastdup_gpu._errors import BackendUnavailable

# (what it does, the package's names without and with the CUDA suffix, smallest version)
PACKAGES = (
    ("arrays and our kernels", ("cupy-cuda13x", "cupy-cuda12x", "cupy"), "14.0.1"),
    ("neighbours", ("cuvs-cu13", "cuvs-cu12"), "26.8"),
    ("components and pagerank", ("pylibcugraph-cu13", "pylibcugraph-cu12"), "26.8"),
    ("memory pool", ("rmm-cu13", "rmm-cu12"), "26.8"),
    ("decoding", ("nvidia-nvimgcodec-cu13", "nvidia-nvimgcodec-cu12"), "0.9"),
)
# Only for decoder='dali'.
_DALI = ("decoding by DALI", ("nvidia-dali-cuda130", "nvidia-dali-cuda120"), "2.4")
_DRIVERS = {"win32": ("nvcuda.dll",)}
_MIN_CAPABILITY = (8, 0)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the answer: `ok`, what was looked for, what was found, what to do; `needed` is
    False for what runs can do without."""

    ok: bool
    name: str
    found: str
    hint: str = ""
    needed: bool = True


def check() -> list[Finding]:
    """Driver, GPU and packages, in the order in which they are needed."""
    driver = _check_driver()
    offered = re.search(r"CUDA (\d+)", driver[0].found)
    most = int(offered[1]) if offered else 0
    packages = [_check_package(role, names, least, most) for role, names, least in PACKAGES]
    return [*driver, *packages, replace(_check_package(*_DALI, most), needed=False)]


def require(*, decoder: str) -> None:
    """Raise BackendUnavailable naming everything that is missing, and how to get it."""
    missing = [f for f in check() if not f.ok and (f.needed or decoder == "dali")]
    if missing:
        listed = "; ".join(f"{f.name}: {f.found}. {f.hint}" for f in missing)
        raise BackendUnavailable(
            f"compute='gpu' cannot run here. {listed} "
            "(`fastdup-gpu doctor` lists all; compute='cpu' needs none of this.)"
        )


def wake(device: int) -> threading.Thread:
    """Begin to open GPU `device`, so that its tenths of a second pass while Python imports.

    What is wrong with it is told by whoever asks for it next.
    """

    def retain() -> None:
        driver, number, context = _load_driver(), ctypes.c_int(), ctypes.c_void_p()
        if driver is None or driver.cuInit(0) or driver.cuDeviceGet(ctypes.byref(number), device):
            return
        driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), number)

    thread = threading.Thread(target=retain, name="wake")
    thread.start()
    return thread


def _check_driver() -> list[Finding]:
    driver = _load_driver()
    if driver is None:
        hint = "Install the NVIDIA driver (580 or newer for CUDA 13, 525 or newer for CUDA 12)."
        return [Finding(False, "NVIDIA driver", "not installed", hint)]
    code = driver.cuInit(0)
    if code:
        return [Finding(False, "NVIDIA driver", f"cuInit fails with error {code}", "Is a GPU on?")]
    version = ctypes.c_int()
    driver.cuDriverGetVersion(ctypes.byref(version))
    major, minor = version.value // 1000, version.value % 1000 // 10
    return [
        Finding(major >= 12, "NVIDIA driver", f"CUDA {major}.{minor}", "Needs CUDA 12 or newer."),
        _check_device(driver),
    ]


def _load_driver() -> ctypes.CDLL | None:
    for name in _DRIVERS.get(sys.platform, ("libcuda.so.1", "libcuda.so")):
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None


def _check_device(driver: ctypes.CDLL) -> Finding:
    count = ctypes.c_int()
    driver.cuDeviceGetCount(ctypes.byref(count))
    if not count.value:
        hint = "Check nvidia-smi and CUDA_VISIBLE_DEVICES."
        return Finding(False, "GPU", "none is visible", hint)
    name, major, minor = ctypes.create_string_buffer(256), ctypes.c_int(), ctypes.c_int()
    driver.cuDeviceGetName(name, 256, 0)
    driver.cuDeviceGetAttribute(ctypes.byref(major), 75, 0)
    driver.cuDeviceGetAttribute(ctypes.byref(minor), 76, 0)
    capability = (major.value, minor.value)
    found = f"{count.value} x {name.value.decode()}, compute capability {major.value}.{minor.value}"
    return Finding(capability >= _MIN_CAPABILITY, "GPU", found, "Needs 8.0 or newer.")


def _check_package(role: str, candidates: tuple[str, ...], least: str, most: int) -> Finding:
    """`most`: the newest CUDA that the driver offers, 0 = not known."""
    for name in candidates:
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        if not version:  # a package whose files were not all written, or removed in part
            continue
        title = f"{name} ({role})"
        made_for = re.search(r"cu(?:da)?(\d\d)", name)
        if made_for and 0 < most < int(made_for[1]):
            hint = (
                f"It is made for CUDA {made_for[1]}, the driver offers {most}: update the driver "
                f"(580 or newer for CUDA 13), or pip install 'fastdup-gpu[cu{most}]' instead."
            )
            return Finding(False, title, version, hint)
        return Finding(
            _numbers(version) >= _numbers(least), title, version, f"Needs {least} or newer."
        )
    hint = "pip install 'fastdup-gpu[cu13]' (or [cu12])."
    return Finding(False, f"{candidates[0]} ({role})", "not installed", hint)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
