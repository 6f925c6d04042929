"""What the host costs is measured without a GPU, over the backend as it is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import fastdup_gpu


def test_the_cost_of_the_host_is_measured():
    command = [sys.executable, "-m", "benchmarks.gpu_host", "--pictures", "150", "--threads", "2"]
    root = Path(fastdup_gpu.__file__).parents[1]
    done = subprocess.run(command, cwd=root, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["wall_us"] > found["system_us"] >= 0
