"""What a row was measured on."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def describe() -> dict[str, str]:
    """Machine, load, Python and commit, as text for the columns of a row."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "cpu": _cpu_name(),
        "cores": str(len(os.sched_getaffinity(0))),
        "python": platform.python_version(),
        "commit": _commit(),
    }


_PACKAGES = (
    "cupy-cuda13x cupy-cuda12x cuvs-cu13 cuvs-cu12 pylibcugraph-cu13 pylibcugraph-cu12 rmm-cu13 "
    "nvidia-dali-cuda130 nvidia-nvimgcodec-cu13 nvidia-nvjpeg nvidia-nvjitlink tensorrt "
    "tensorrt_rtx_cu13_libs onnxruntime-gpu onnxruntime numpy"
).split()


def packages() -> str:
    """The GPU's packages that are installed, with their versions."""
    found = []
    for package in _PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return "; ".join(found)


def _cpu_name() -> str:
    flags = ""
    for line in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore").splitlines():
        if line.startswith("model name"):
            flags = line.split(":", 1)[1].strip()
            break
    text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore")
    extra = [f for f in ("amx_int8", "avx512_vnni", "avx2") if f in text]
    return " ".join([flags, *extra[:1]])


def _commit() -> str:
    """FASTDUP_COMMIT tells it where the checkout travelled without its repository."""
    told = os.environ.get("FASTDUP_COMMIT")
    if told:
        return told
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()
