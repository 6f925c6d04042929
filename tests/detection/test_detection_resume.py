"""A search that was ended goes on where it stopped, and only where nothing changed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from detected import ROOT, found, four, save, settings
from making import contents, rows, run
from onnx_detectors import RED

from fastdup_gpu.detection.detector import Detector


class _Stop(Exception):
    """Stands for what ends a process."""


def _interrupted(monkeypatch, after):
    """Let the detector fail after so many pictures; returns the list of calls."""
    calls = []
    real = Detector.detect

    def detect(self, image):
        calls.append(image.size)
        if len(calls) > after:
            raise _Stop
        return real(self, image)

    monkeypatch.setattr(Detector, "detect", detect)
    return calls


def test_resume_searches_only_the_rest(here, model, monkeypatch):
    four(16)
    arguments = settings(model) | {"num_threads": 1}
    run("in", Path("out"), **arguments)
    whole = contents(Path("out"))
    for path in (
        *Path("out").glob("*.*"),
        *Path("out/crops").iterdir(),
        *Path("out/tmp").iterdir(),
    ):
        path.unlink()
    with monkeypatch.context() as patched:
        _interrupted(patched, after=9)
        with pytest.raises(_Stop):
            run("in", Path("out"), **arguments)
    record = Path("out/tmp/atrain_detections.jsonl").read_text().splitlines()
    with monkeypatch.context() as patched:
        calls = _interrupted(patched, after=99)
        assert run("in", Path("out"), resume=1, **arguments) == 0
    assert len(calls) == 16 - (len(record) - 1) < 16
    assert contents(Path("out")) == whole


def test_crops_of_a_search_that_ended_early_are_no_input(here, model, monkeypatch):
    """Where the work_dir is the input itself."""
    four(8)
    with monkeypatch.context() as patched:
        _interrupted(patched, after=5)
        with pytest.raises(_Stop):
            run("in", Path("in"), **settings(model) | {"num_threads": 1})
    assert len(list(Path("in/crops").iterdir())) >= 1
    assert run("in", Path("in"), resume=1, **settings(model)) == 0
    listed = {r["filename"] for r in rows(Path("in/atrain_crops.csv"))}
    assert listed == {f"in/{i:03d}.png" for i in (0, 1, 3, 4, 5, 7)}


def test_resume_after_a_finished_run_does_nothing_again(here, model, monkeypatch):
    four(8)
    run("in", Path("out"), **settings(model))
    crops = {p: p.stat().st_mtime_ns for p in Path("out/crops").iterdir()}
    before = found()
    calls = _interrupted(monkeypatch, after=99)
    assert run("in", Path("out"), resume=1, **settings(model)) == 0
    assert calls == []
    assert {p: p.stat().st_mtime_ns for p in Path("out/crops").iterdir()} == crops
    again = found()
    assert again["resumed_at"] == 8
    for unlike in ("seconds", "resumed_at"):
        del before[unlike], again[unlike]
    assert again == before


@pytest.mark.parametrize("change", ["picture", "confidence", "margin", "record", "crop"])
def test_resume_does_not_trust_what_does_not_fit(here, model, monkeypatch, change):
    four(8)
    run("in", Path("out"), **settings(model))
    more = []
    if change == "picture":
        save("003.png", [(30, 30, 60, 60, RED)])
    elif change == "confidence":
        more = ["detector_confidence=0.51"]
    elif change == "margin":
        more = ["augmentation_vert=0.3"]
    elif change == "record":
        path = Path("out/tmp/atrain_detections.jsonl")
        path.write_bytes(path.read_bytes()[:-7])
    else:
        Path("out/crops/0000000_000.jpg").unlink()
    calls = _interrupted(monkeypatch, after=99)
    assert run("in", Path("out"), resume=1, **settings(model, *more)) == 0
    assert len(calls) == (1 if change == "record" else 8)
    resumed = contents(Path("out"))
    assert run("in", Path("out"), **settings(model, *more)) == 0
    assert contents(Path("out")) == resumed


KILLED = """
import os, signal, sys
import fastdup_gpu
from fastdup_gpu.detection.detector import Detector

calls, real = [], Detector.detect

def detect(self, image):
    calls.append(image)
    if len(calls) == 20:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, image)

Detector.detect = detect
fastdup_gpu.run("in", "out", bounding_box="face", num_threads=2, turi_param=sys.argv[1])
"""


def test_killed_while_it_searches(here, model):
    """kill -9, then resume: the files of an uninterrupted run."""
    four(32)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, settings(model)["turi_param"]],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert 1 < Path("out/tmp/atrain_detections.jsonl").read_bytes().count(b"\n") <= 20
    assert run("in", Path("out"), resume=1, **settings(model)) == 0
    resumed = contents(Path("out"))
    assert run("in", Path("out"), **settings(model)) == 0
    assert contents(Path("out")) == resumed
