"""Pictures of a hundred megapixels in small files: as many as there are threads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from making import photos, rows
from PIL import Image

ROOT = Path(__file__).parent.parent
SCRIPT = """
import re, sys
from pathlib import Path
import fastdup_gpu
code = fastdup_gpu.run(sys.argv[1], sys.argv[2], num_threads=4)
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
sys.exit(code)
"""
MOST_MEMORY_KB = 1_500_000


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads peak memory from /proc")
def test_memory_is_bounded_by_one_of_them_not_one_a_thread(tmp_path):
    photos(tmp_path / "in", 8)
    white = Image.new("1", (11_000, 10_000), 1)
    for i in range(4):
        white.save(tmp_path / "in" / f"{8 * i:04d}large.png")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "in"), str(tmp_path / "out")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(rows(tmp_path / "out" / "atrain_features.dat.csv")) == 12
    assert int(done.stdout) < MOST_MEMORY_KB
