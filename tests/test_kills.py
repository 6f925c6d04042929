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
FEW = ["joined features, ivf index, graph", "crops of boxes", "k-means", "gallery", "undo"]
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
    numbers = range(-(-TRIALS // len(SCENARIOS))) if TRIALS else [FEW.index(name)]
    outcomes = [arena.trial(number, SEED) for number in numbers]
    assert [wrong for _, wrong in outcomes if wrong] == []
    assert any(killed for killed, _ in outcomes)
