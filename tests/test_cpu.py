"""What is found out about the CPU, which decides between the int8 and the fp16 model."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastdup_gpu import _cpu

LINUX = Path("/proc/cpuinfo")


@pytest.fixture
def elsewhere(monkeypatch):
    """As on a system without /proc; what was found there is forgotten afterwards."""
    _cpu._flags.cache_clear()
    monkeypatch.setattr(_cpu, "_PROC", Path("/no/such/cpuinfo"))
    yield
    _cpu._flags.cache_clear()


@pytest.mark.skipif(not LINUX.exists(), reason="nothing to compare with: no /proc/cpuinfo")
def test_numpy_finds_what_linux_tells(elsewhere):
    told = set(LINUX.read_text(encoding="ascii", errors="ignore").split())
    assert _cpu._flags() <= told
    assert ("avx2" in _cpu._flags()) == ("avx2" in told)


@pytest.mark.parametrize(
    "group, fast, dot",
    [("AVX2", 1, 0), ("X86_V3", 1, 0), ("AVX512_ICL", 1, 1), ("ASIMDDP", 1, 1), ("SSE42", 0, 0)],
)
def test_groups_of_instructions(elsewhere, monkeypatch, group, fast, dot):
    monkeypatch.setattr(_cpu.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(
        _cpu.np, "show_config", lambda mode: {"SIMD Extensions": {"found": [group]}}
    )
    assert (_cpu.has_fast_int8(), _cpu.has_int8_dot()) == (fast, dot)
