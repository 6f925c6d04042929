"""Nothing is sent and nothing is written outside the work_dir, by whatever is imported."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import pytest
from making import photos

RUN = "import sys, fastdup_gpu; sys.exit(fastdup_gpu.run(*sys.argv[1:3], turi_param=sys.argv[3]))"


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_a_run_leaves_the_home_folder_alone(tmp_path, engine):
    """onnxruntime's telemetry keeps its queue there, even where the network is down."""
    if not importlib.util.find_spec(engine):
        pytest.skip(f"{engine} is not installed")
    home, pictures = tmp_path / "home", tmp_path / "in"
    home.mkdir()
    photos(pictures, 3)
    outside = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "ORT_DISABLE_TELEMETRY")
    env = {name: value for name, value in os.environ.items() if name not in outside}
    arguments = [str(pictures), str(tmp_path / "out"), f"engine={engine}"]
    subprocess.run(
        [sys.executable, "-c", RUN, *arguments], env={**env, "HOME": str(home)}, check=True
    )
    assert list(home.iterdir()) == []
