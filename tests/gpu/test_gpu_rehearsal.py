"""What is loaded beside a run: it does what it is for, and the run does not depend on it."""

from __future__ import annotations

import ctypes
import logging
import threading
from types import SimpleNamespace

import pytest
from mixed_pictures import mixed
from onnx_models import flatten

from fastdup_gpu.gpu import graph, neighbors, probe, rehearsal
from fastdup_gpu.gpu.rehearsal import rehearse
from fastdup_gpu.protocol import ModelSpec, PixelPlan

PLAN = PixelPlan(16, 16)


@pytest.fixture(autouse=True)
def nothing_begun(monkeypatch):
    monkeypatch.setattr(rehearsal, "_BEGUN", set())


def extracted(backend, folder):
    model = backend.open_model(ModelSpec(flatten(folder / "f.onnx", 16, layout="NHWC"), 768))
    batches = [mixed()[:4], mixed()[4:]]
    results = backend.extract(iter(batches), PLAN, model, wanted="basic", threads=2)
    return [(r.outcomes, r.features.tolist(), r.stats.tolist()) for r in results]


def test_each_act_uses_what_a_run_will(backend, monkeypatch, caplog):
    used = []

    def noting(name, work):
        return lambda *args, **kwargs: (used.append(name), work(*args, **kwargs))[1]

    for module, name in (
        (neighbors, "build_index"),
        (graph, "components"),
        (graph, "pagerank"),
    ):
        monkeypatch.setattr(module, name, noting(name, getattr(module, name)))
    monkeypatch.setattr(backend, "pixel_stats", noting("pixel_stats", backend.pixel_stats))
    with caplog.at_level(logging.DEBUG, "fastdup_gpu"):
        acts = (backend.rehearse_pictures, lambda: rehearsal.search(24), rehearsal.graphs)
        rehearse(0, "all", *acts).join()
    assert used == ["pixel_stats", "build_index", "components", "pagerank"]
    assert not caplog.records


def test_a_run_is_the_same_beside_it(backend, host_engine, monkeypatch, tmp_path, caplog):
    alone = extracted(backend, tmp_path)
    threads = []
    monkeypatch.setattr(rehearsal, "rehearse", lambda *given: threads.append(rehearse(*given)))
    with caplog.at_level(logging.DEBUG, "fastdup_gpu"):
        beside = extracted(backend, tmp_path)
        for thread in threads:
            thread.join()
    assert len(threads) == 2 and beside == alone
    assert not [r for r in caplog.records if "rehearsal" in r.message]


def test_one_that_fails_is_quiet_and_ends_there(standins, caplog, capsys):
    went = []

    def fail():
        raise RuntimeError("no such library")

    with caplog.at_level(logging.INFO, "fastdup_gpu"):
        rehearse(0, "x", lambda: went.append(1), fail, lambda: went.append(2)).join()
    assert went == [1]
    assert not caplog.records and not "".join(capsys.readouterr())


def test_nothing_is_begun_after_the_program(standins, monkeypatch):
    went = []
    ended = SimpleNamespace(is_alive=lambda: len(went) < 1)
    monkeypatch.setattr(threading, "main_thread", lambda: ended)
    rehearse(0, "x", lambda: went.append(1), lambda: went.append(2)).join()
    assert went == [1]


def test_each_part_is_rehearsed_once_for_each_gpu(standins):
    went = []
    for device, part in ((0, "pictures"), (0, "graphs"), (0, "pictures"), (1, "pictures")):
        thread = rehearse(
            device, part, lambda device=device, part=part: went.append((device, part))
        )
        if thread is not None:
            thread.join()
    assert went == [(0, "pictures"), (0, "graphs"), (1, "pictures")]


class Driver:
    """libcuda with two GPUs; `retained`: the contexts that were opened."""

    def __init__(self, code=0):
        self.code, self.retained = code, []

    def cuInit(self, _):
        return self.code

    def cuDeviceGet(self, out, number):
        out._obj.value = 70 + number
        return 0 if 0 <= number < 2 else 101

    def cuDevicePrimaryCtxRetain(self, out, device):
        assert isinstance(device, ctypes.c_int)
        self.retained.append(device.value)


@pytest.mark.parametrize(
    ("driver", "device", "retained"),
    [(Driver(), 1, [71]), (Driver(), 5, []), (Driver(code=100), 0, [])],
    ids=["there", "no such GPU", "no driver"],
)
def test_the_gpu_that_was_asked_for_is_opened(monkeypatch, driver, device, retained):
    monkeypatch.setattr(probe, "_load_driver", lambda: driver)
    probe.wake(device).join()
    assert driver.retained == retained
