"""Looks for a GPU, its driver and the packages of the GPU backend, without importing them.

`check` tells whether each is installed, has a supported version, and is usable.
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
    """One line of the result: `ok`, what was looked for, what was found, what to do; `needed` is
    False for things that runs can do without."""

    ok: bool
    name: str
    found: str
    hint: str = ""
    needed: bool = True


def check(device: int = 0) -> list[Finding]:
    """Driver, GPU number `device` and packages, in the order in which they are needed."""
    driver = _check_driver(device)
    offered = re.search(r"CUDA (\d+)", driver[0].found)
    most = int(offered[1]) if offered else 0
    packages = [_check_package(role, names, least, most) for role, names, least in PACKAGES]
    return [*driver, *packages, replace(_check_package(*_DALI, most), needed=False)]


def require(*, decoder: str, device: int = 0) -> None:
    """Raise BackendUnavailable naming everything that is missing, and how to get it."""
    missing = [f for f in check(device) if not f.ok and (f.needed or decoder == "dali")]
    if missing:
        raise BackendUnavailable(
            f"compute='gpu' cannot run here. {_listed(missing)} "
            "(`fastdup-gpu doctor` lists everything; compute='cpu' needs none of this.)"
        )


def _listed(missing: list[Finding]) -> str:
    """What was found, with each hint once, after all findings that share it."""
    found: dict[str, list[str]] = {}
    for finding in missing:
        found.setdefault(finding.hint, []).append(f"{finding.name}: {finding.found}")
    return " ".join(f"{'; '.join(lines)}. {hint}" for hint, lines in found.items())


def wake(device: int) -> threading.Thread:
    """Start opening GPU `device`, which takes tenths of a second, while Python imports.

    Errors are reported by the code that uses the GPU next.
    """

    def retain() -> None:
        driver, number, context = _load_driver(), ctypes.c_int(), ctypes.c_void_p()
        if driver is None or driver.cuInit(0) or driver.cuDeviceGet(ctypes.byref(number), device):
            return
        driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), number)

    thread = threading.Thread(target=retain, name="wake")
    thread.start()
    return thread


def _check_driver(device: int) -> list[Finding]:
    driver = _load_driver()
    if driver is None:
        hint = "Install the NVIDIA driver (580 or newer for CUDA 13, 525 or newer for CUDA 12)."
        return [Finding(False, "NVIDIA driver", "not installed", hint)]
    code = driver.cuInit(0)
    if code:
        hint = "Check that a GPU is present and enabled."
        return [Finding(False, "NVIDIA driver", f"cuInit fails with error {code}", hint)]
    version = ctypes.c_int()
    driver.cuDriverGetVersion(ctypes.byref(version))
    major, minor = version.value // 1000, version.value % 1000 // 10
    return [
        Finding(major >= 12, "NVIDIA driver", f"CUDA {major}.{minor}", "Needs CUDA 12 or newer."),
        _check_device(driver, device),
    ]


def _load_driver() -> ctypes.CDLL | None:
    for name in _DRIVERS.get(sys.platform, ("libcuda.so.1", "libcuda.so")):
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None


def _check_device(driver: ctypes.CDLL, device: int) -> Finding:
    count = ctypes.c_int()
    driver.cuDeviceGetCount(ctypes.byref(count))
    if not count.value:
        hint = "Check nvidia-smi and CUDA_VISIBLE_DEVICES."
        return Finding(False, "GPU", "none is visible", hint)
    number = min(device, count.value - 1)  # that there is no such GPU is said when it is opened
    name, major, minor = ctypes.create_string_buffer(256), ctypes.c_int(), ctypes.c_int()
    driver.cuDeviceGetName(name, 256, number)
    driver.cuDeviceGetAttribute(ctypes.byref(major), 75, number)
    driver.cuDeviceGetAttribute(ctypes.byref(minor), 76, number)
    capability = (major.value, minor.value)
    found = f"{count.value} x {name.value.decode()}, compute capability {major.value}.{minor.value}"
    return Finding(capability >= _MIN_CAPABILITY, "GPU", found, "Needs 8.0 or newer.")


def _check_package(role: str, candidates: tuple[str, ...], least: str, most: int) -> Finding:
    """`most`: the newest CUDA version that the driver supports, 0 = unknown."""
    for name in candidates:
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        if not version:  # a package that is only partly installed or removed
            continue
        title = f"{name} ({role})"
        made_for = re.search(r"cu(?:da)?(\d\d)", name)
        if made_for and 0 < most < int(made_for[1]):
            hint = (
                f"Made for CUDA {made_for[1]}, the driver supports {most}: update the driver "
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
