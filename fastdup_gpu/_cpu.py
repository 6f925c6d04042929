"""Properties of this CPU: its cores, and its instructions for 8-bit integers."""

from __future__ import annotations

import os
import platform
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

_PROC = Path("/proc/cpuinfo")
# numpy's names for groups of instructions (which differ by version) -> those of /proc/cpuinfo.
_GROUPS = {
    "AVX2": "avx2",
    "X86_V3": "avx2",
    "AVX512_ICL": "avx512_vnni",
    "ASIMDDP": "asimddp",
}


def cores() -> int:
    """Number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def has_fast_int8() -> bool:
    """Whether the CPU multiplies 8-bit integers in vectors: AVX2, or Arm's dot product."""
    return has_int8_dot() or "avx2" in _flags()


def has_int8_dot() -> bool:
    """Whether it sums products of 8-bit integers in one step: VNNI, AMX, or Arm's dot product."""
    if platform.machine().lower() in ("arm64", "aarch64") and platform.system() == "Darwin":
        return True
    return not {"avx512_vnni", "avx_vnni", "amx_int8", "asimddp"}.isdisjoint(_flags())


@cache
def _flags() -> frozenset[str]:
    try:
        text = _PROC.read_text(encoding="ascii", errors="ignore")
    except OSError:  # not Linux
        return frozenset(_GROUPS[group] for group in _found_by_numpy() if group in _GROUPS)
    return frozenset(text.split())


def _found_by_numpy() -> list[str]:
    found: Any = np.show_config(mode="dicts").get("SIMD Extensions", {})
    return [*found.get("baseline", ()), *found.get("found", ())]
