"""Killed anywhere, nothing is lost: a few trials of `python -m benchmarks.kills`.

FASTDUP_KILLS=200 runs as many, spread over all scenarios.
"""

from __future__ import annotations

import importlib.util
import os

import pytest

from benchmarks import kills
from benchmarks.kill_scenarios import SCENARIOS

TRIALS = int(os.environ.get("FASTDUP_KILLS", "0"))
# Trial 0 of a scenario dies before an operation, 1 in a write, 2 at a time, 3 twice.
FEW = {
    "joined features, ivf index, graph": 1,
    "images added and removed": 1,
    "crops of boxes": 0,
    "k-means": 2,
    "gallery": 3,
    "undo": 0,
}
SEED = 1


@pytest.fixture(scope="module", autouse=True)
def surroundings():
    with kills.surroundings(remote=TRIALS > 0):
        yield


@pytest.mark.parametrize("name", SCENARIOS if TRIALS else FEW)
def test_nothing_is_lost(name, tmp_path):
    for package in ("onnxruntime", "hnswlib", "av", "s3fs"):
        if TRIALS and importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    arena = kills.Arena(SCENARIOS[name], tmp_path)
    numbers = range(-(-TRIALS // len(SCENARIOS))) if TRIALS else [FEW[name]]
    for number in numbers:
        killed, wrong = arena.trial(number, SEED)
        assert not wrong
        assert killed or number % 3  # others may come too late
