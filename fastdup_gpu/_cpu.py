"""What this CPU can do with 8-bit integers."""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path


def has_fast_int8() -> bool:
    """Whether it multiplies them in vectors: AVX2, or Arm's dot product."""
    return has_int8_dot() or "avx2" in _flags()


def has_int8_dot() -> bool:
    """Whether it adds products of them in one step: VNNI, AMX, or Arm's dot product."""
    if platform.machine().lower() in ("arm64", "aarch64") and platform.system() == "Darwin":
        return True
    return not {"avx512_vnni", "avx_vnni", "amx_int8", "asimddp"}.isdisjoint(_flags())


@cache
def _flags() -> frozenset[str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore")
    except OSError:
        return frozenset()
    return frozenset(text.split())
