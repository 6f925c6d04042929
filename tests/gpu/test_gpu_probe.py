"""compute='gpu' where it cannot run: at once, and with all that is missing."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys

import pytest
from making import photos

import fastdup_gpu
from fastdup_gpu._errors import BackendUnavailable, InvalidArgument, MissingDependency
from fastdup_gpu._registry import open_backend
from fastdup_gpu.fallback_cpu.backend import CpuBackend
from fastdup_gpu.gpu import backend as gpu_backend
from fastdup_gpu.gpu import memory, neighbors, probe

ALL = {names[0]: least for _, names, least in probe.PACKAGES}


class Driver:
    """libcuda, as far as the probe asks it."""

    def __init__(self, code=0, version=13000, count=1, capability=(9, 0)):
        self.code, self.version, self.count, self.capability = code, version, count, capability

    def cuInit(self, _):
        return self.code

    def cuDriverGetVersion(self, out):
        out._obj.value = self.version

    def cuDeviceGetCount(self, out):
        out._obj.value = self.count

    def cuDeviceGetName(self, out, size, number):
        out.value = b"NVIDIA H100"

    def cuDeviceGetAttribute(self, out, which, number):
        capability = self.capability if number == 0 else (7, 5)
        out._obj.value = capability[which - 75]


@pytest.fixture
def machine(monkeypatch):
    """Pretend a driver and installed packages."""

    def pretend(driver, packages):
        def version(name):
            if name not in packages:
                raise importlib.metadata.PackageNotFoundError(name)
            return packages[name]

        monkeypatch.setattr(probe, "_load_driver", lambda: driver)
        monkeypatch.setattr(importlib.metadata, "version", version)

    return pretend


def said(machine, driver, packages) -> str:
    machine(driver, packages)
    with pytest.raises(BackendUnavailable) as raised:
        open_backend("gpu")
    return str(raised.value)


def test_a_machine_with_everything_passes(machine):
    machine(Driver(), ALL)
    probe.require(decoder="nvimgcodec")
    assert all(finding.ok for finding in probe.check() if finding.needed)


@pytest.mark.parametrize(
    ("driver", "message"),
    [
        (None, "NVIDIA driver: not installed. Install the NVIDIA driver (580 or newer"),
        (Driver(code=100), "cuInit fails with error 100"),
        (Driver(version=11040), "NVIDIA driver: CUDA 11.4. Needs CUDA 12 or newer"),
        (Driver(count=0), "GPU: none is visible. Check nvidia-smi and CUDA_VISIBLE_DEVICES"),
        (Driver(capability=(7, 5)), "compute capability 7.5. Needs 8.0 or newer"),
    ],
    ids="driver init old-driver no-gpu old-gpu".split(),
)
def test_what_is_wrong_with_driver_or_gpu_is_named(machine, driver, message):
    assert message in said(machine, driver, ALL)


@pytest.mark.parametrize("package", ALL)
def test_a_missing_package_is_named_with_how_to_install_it(machine, package):
    text = said(machine, Driver(), {k: v for k, v in ALL.items() if k != package})
    assert f"{package} (" in text and "not installed" in text
    assert "pip install 'fastdup-gpu[cu13]'" in text


@pytest.mark.parametrize("package", ALL)
def test_a_version_that_is_too_old_is_named_with_the_least(machine, package):
    text = said(machine, Driver(), {**ALL, package: "0.1"})
    assert f"{package} (" in text and "0.1. Needs " in text and ALL[package] in text


def test_dali_is_needed_only_where_it_is_asked_for(machine):
    machine(Driver(), ALL)
    probe.require(decoder="nvimgcodec")
    (lacking,) = (finding for finding in probe.check() if not finding.ok)
    assert "nvidia-dali" in lacking.name and not lacking.needed
    with pytest.raises(BackendUnavailable, match=r"nvidia-dali-cuda130.*not installed"):
        probe.require(decoder="dali")


def test_packages_for_a_newer_cuda_than_the_driver_offers_are_named(machine):
    text = said(machine, Driver(version=12040), ALL)
    assert all(f"{package} (" in text for package in ALL)
    assert text.count("Made for CUDA 13, the driver supports 12") == 1
    assert text.count("pip install 'fastdup-gpu[cu12]'") == 1
    twelve = {names[1]: least for _, names, least in probe.PACKAGES}
    for version in (12040, 13000):  # a newer driver runs what was made for an older CUDA
        machine(Driver(version=version), twelve)
        probe.require(decoder="nvimgcodec")


def test_everything_that_is_missing_is_told_at_once(machine):
    text = said(machine, None, {})
    assert all(name in text for name in ("NVIDIA driver", *ALL))
    assert text.count("not installed") == 1 + len(ALL)
    assert text.count("pip install") == text.count("Install the NVIDIA driver") == 1
    assert "fastdup-gpu doctor" in text


def test_run_fails_before_it_touches_anything(machine, tmp_path):
    machine(None, {})
    photos(tmp_path / "in", 3)
    try:
        code = fastdup_gpu.run(str(tmp_path / "in"), str(tmp_path / "out"), compute="gpu")
    except (BackendUnavailable, MissingDependency):
        code = 1
    assert code == 1
    assert not (tmp_path / "out" / "atrain_features.dat").exists()


def test_auto_falls_back_and_says_why(machine, caplog):
    machine(None, {})
    with caplog.at_level("INFO", "fastdup_gpu"):
        assert open_backend("auto").name == "cpu"
    assert "NVIDIA driver: not installed" in caplog.text


def test_the_probe_loads_no_gpu_library():
    program = (
        "import sys; from fastdup_gpu.gpu import memory, neighbors, probe, backend; probe.check(); "
        "print([m for m in ('cupy', 'cuvs', 'rmm', 'nvidia.dali', 'pylibcugraph', 'tensorrt') "
        "if m in sys.modules])"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_doctor_says_the_same(machine):
    machine(Driver(count=0), ALL)
    from fastdup_gpu import _doctor

    text = "\n".join(_doctor.lines(_doctor.examine()))
    assert "[NO] GPU: none is visible -> Check nvidia-smi" in text
    assert text.endswith("=> not usable")


def test_a_gpu_that_cannot_be_opened_is_told_and_auto_goes_on(monkeypatch, caplog):
    def busy(device):
        raise RuntimeError("cudaErrorDevicesUnavailable: all CUDA-capable devices are busy")

    monkeypatch.setattr(probe, "require", lambda *, decoder, device: None)
    monkeypatch.setattr(probe, "wake", lambda device: None)
    monkeypatch.setattr(memory, "open_device", busy)
    with pytest.raises(BackendUnavailable, match=r"cannot open GPU 1: .*busy"):
        open_backend("gpu", device=1)
    with caplog.at_level("INFO", "fastdup_gpu"):
        assert open_backend("auto").name == "cpu"
    assert "busy" in caplog.text


def test_auto_goes_on_without_an_engine_for_the_model_and_gpu_does_not(
    monkeypatch, caplog, tmp_path
):
    class NoEngine(CpuBackend):
        name, modes = "gpu", neighbors.MODES

        def open_model(self, spec, *, batch_size=0):
            raise BackendUnavailable("no engine can run the model")

    monkeypatch.setattr(gpu_backend, "GpuBackend", NoEngine)
    photos(tmp_path / "in", 4)
    out, files = tmp_path / "out", ("similarity.csv", "atrain_features.dat", "atrain_stats.csv")
    assert fastdup_gpu.run(str(tmp_path / "in"), str(tmp_path / "gpu"), compute="gpu") == 1
    assert "no engine can run the model" in caplog.text
    assert not (tmp_path / "gpu" / "similarity.csv").exists()
    with caplog.at_level("INFO", "fastdup_gpu"):
        assert fastdup_gpu.run(str(tmp_path / "in"), str(out), compute="auto") == 0
    assert "compute='auto' runs on the CPU: no engine can run the model" in caplog.text
    assert json.loads((out / "config.json").read_text())["environment"]["backend"] == "cpu"
    assert fastdup_gpu.run(str(tmp_path / "in"), str(tmp_path / "cpu")) == 0
    for name in files:
        assert (out / name).read_bytes() == (tmp_path / "cpu" / name).read_bytes()
    found = fastdup_gpu.Session(out, compute="auto").search(sorted((tmp_path / "in").iterdir())[0])
    assert found["distance"].iloc[0] == 1
    late = tmp_path / "late"  # what only a GPU can do is refused before any image is read
    with pytest.raises(InvalidArgument, match="needs compute='gpu'"):
        fastdup_gpu.run(str(tmp_path / "in"), str(late), compute="auto", nnf_mode="CAGRA")
    assert not (late / "atrain_features.dat").exists()


def test_the_gpu_that_was_asked_for_is_looked_at(machine):
    machine(Driver(count=2), ALL)
    probe.require(decoder="nvimgcodec", device=0)
    with pytest.raises(BackendUnavailable, match=r"compute capability 7\.5"):
        probe.require(decoder="nvimgcodec", device=1)
