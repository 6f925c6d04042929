"""`python -m benchmarks.gpu_host`: what the host costs for each picture on the GPU's path.

    python -m benchmarks.gpu_host [--pictures 10000] [--threads 4] [--profile]
                                  [--decoder-ms 20 --model-ms 11]

The extract stage runs as it is - files read, vetted, batched, results written under the
checkpoint - with decoder, kernels and model replaced by ones that do nothing. What is left is
Python and the system: as one thread at a time runs Python, its reciprocal bounds images/s
whatever the GPU does. With --decoder-ms and --model-ms they sleep so long for each batch, one
batch at a time, and `decoder_share` is how much of the second half's time the decoder has work.
Needs no GPU.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import simplejpeg

from fastdup_gpu.models.manifest import DEFAULT
from fastdup_gpu.protocol import ModelSpec
from fastdup_gpu.sources import open_source
from fastdup_gpu.stages.extract import ExtractPlan, extract

_SIDES = (400, 500)
_DISTINCT = 500
_SIDE = DEFAULT["fp16"].side


def make_files(folder: Path, count: int) -> None:
    """`count` names of 500 different JPEGs of 500 x 400."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(count):
        path = folder / f"{number:07d}.jpg"
        if number >= _DISTINCT:
            path.hardlink_to(folder / f"{number % _DISTINCT:07d}.jpg")
            continue
        coarse = rng.integers(0, 256, (40, 50, 3)).astype(np.uint8)
        pixels = coarse.repeat(10, axis=0).repeat(10, axis=1)
        noisy = pixels // 2 + rng.integers(0, 60, pixels.shape).astype(np.uint8)
        path.write_bytes(simplejpeg.encode_jpeg(noisy, quality=85))


class _Picture:
    """A decoded picture that nobody reads."""

    _pixels = np.zeros((*_SIDES, 3), np.uint8)
    __array_interface__ = _pixels.__array_interface__
    __cuda_array_interface__ = {**_pixels.__array_interface__, "strides": _pixels.strides}  # noqa: RUF012


class Device:
    """Seconds that a batch takes the decoder and the model, each of which does one at a time."""

    def __init__(self, decoder: float = 0.0, model: float = 0.0) -> None:
        self.decoder, self._model, self._turn = decoder, model, threading.Lock()

    def decode(self, streams: Any, **_: Any) -> list[_Picture]:
        if self.decoder:
            time.sleep(self.decoder)
        return [_Picture()] * len(streams)

    def model(self) -> None:
        if self._model:
            with self._turn:
                time.sleep(self._model)


class _Array(np.ndarray[Any, Any]):
    """A numpy array with the attributes of CuPy's that are used for each picture."""

    @property
    def data(self) -> Any:
        return SimpleNamespace(ptr=0)

    def get(self, out: Any = None, **_: Any) -> Any:
        return self if out is None else out


class _Cupy(ModuleType):
    """numpy under CuPy's name; device memory is never touched, so contents do not matter."""

    def __init__(self) -> None:
        super().__init__("cupy")
        stream = type("Stream", (), {"ptr": 0, "synchronize": lambda self: None})
        stream.__enter__ = lambda self: self  # type: ignore[attr-defined]
        stream.__exit__ = lambda self, *_: None  # type: ignore[attr-defined]
        self.cuda = SimpleNamespace(
            runtime=SimpleNamespace(
                memGetInfo=lambda: (1 << 36, 1 << 36),
                getDevice=lambda: 0,
                getDeviceCount=lambda: 1,
                deviceGetDefaultMemPool=lambda device: 0,
                memPoolSetAttribute=lambda pool, attribute, value: None,
                cudaMemPoolAttrReleaseThreshold=4,
                cudaMemPoolReuseFollowEventDependencies=1,
                cudaMemPoolReuseAllowInternalDependencies=3,
            ),
            Stream=lambda **_: stream(),
            Device=lambda number: SimpleNamespace(use=lambda: None),
            get_current_stream=stream,
            alloc_pinned_memory=bytearray,
        )
        self.empty = self.zeros = lambda shape, dtype=float: _shared(shape, dtype)
        self.asnumpy = lambda array, **_: np.asarray(array)
        self.asarray = lambda array: np.asarray(array).view(_Array)

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


_MEMORY: dict[Any, Any] = {}


def _shared(shape: Any, dtype: Any) -> Any:
    key = (shape, np.dtype(dtype))
    if key not in _MEMORY:
        _MEMORY[key] = np.zeros(shape, dtype).view(_Array)
    return _MEMORY[key]


class _NvImageCodec(ModuleType):
    def __init__(self, device: Device) -> None:
        super().__init__("nvidia.nvimgcodec")
        self._device = device

    BackendKind = SimpleNamespace(CPU_ONLY=1, GPU_ONLY=2, HYBRID_CPU_GPU=3, HW_GPU_ONLY=4)
    Backend = staticmethod(lambda *_: None)
    ColorSpec = SimpleNamespace(SRGB=1)
    SampleFormat = SimpleNamespace(I_RGB=1)
    CodeStream = staticmethod(lambda data: data)

    def DecodeParams(self, **_: Any) -> Any:
        return None

    def Decoder(self, **_: Any) -> Any:
        return SimpleNamespace(decode=self._device.decode)


class _Model:
    """Features of nothing."""

    dim, height, width, runs_on = 576, _SIDE, _SIDE, "none"
    spec = ModelSpec(Path("none.onnx"), 576, precision="fp16", normalize=True)

    def __init__(self, device: Device) -> None:
        self._device = device

    def embed(self, pixels: Any) -> Any:
        return np.zeros((len(pixels), self.dim), np.float32)

    def prepare(self) -> None: ...

    def features(self, pixels: Any) -> Any:
        self._device.model()
        return _shared((len(pixels), self.dim), np.float32)


def null_backend(device: Device) -> Any:
    """The GPU backend on stand-ins that do nothing but take their time."""
    from fastdup_gpu.gpu import memory, probe
    from fastdup_gpu.kernels import load

    nvidia = ModuleType("nvidia")
    nvidia.nvimgcodec = _NvImageCodec(device)  # type: ignore[attr-defined]
    sys.modules |= {"cupy": _Cupy(), "nvidia": nvidia}
    sys.modules["nvidia.nvimgcodec"] = nvidia.nvimgcodec
    load.kernel = lambda name, entry="": lambda *args: None
    load.require = lambda *args: None
    probe.require = lambda **_: None
    probe.wake = lambda device: threading.Thread()
    counts = SimpleNamespace(peak_bytes=0, current_bytes=0)
    memory._POOLS[0] = memory.Pool(SimpleNamespace(allocation_counts=counts), 0)
    from fastdup_gpu.gpu.backend import GpuBackend

    backend: Any = GpuBackend()
    return backend


def measure(scratch: Path, count: int, threads: int, device: Device) -> dict[str, float]:
    """Microseconds a picture: by the clock, and of all threads in Python and in the system."""
    make_files(scratch / "in", count)
    backend = null_backend(device)
    times: list[float] = []  # when each batch was written
    (scratch / "out").mkdir()
    source = open_source(str(scratch / "in"), work_dir=scratch / "out", threads=threads)
    plan = ExtractPlan(
        folder=scratch / "out", kind="atrain", first=0, last=count,
        batch_size=backend.batch_size, wanted="basic", threads=threads, resume=False,
    )  # fmt: skip
    before, begin = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    done = extract(
        backend, source, _Model(device), plan, lambda *_: times.append(time.perf_counter())
    )
    wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_SELF)
    assert done.rows == count and not done.bad
    spent = {
        "wall": wall,
        "user": after.ru_utime - before.ru_utime,
        "system": after.ru_stime - before.ru_stime,
    }
    found = {f"{kind}_us": round(seconds / count * 1e6, 2) for kind, seconds in spent.items()}
    switches = after.ru_nvcsw + after.ru_nivcsw - before.ru_nvcsw - before.ru_nivcsw
    half = len(times) // 2
    work = device.decoder * (len(times) - 1 - half)
    found |= {"decoder_share": round(work / (times[-1] - times[half]), 3)} if work else {}
    return {**found, "switches": round(switches / count, 2)}


@contextmanager
def _profiled(wanted: bool) -> Iterator[None]:
    """cProfile over every thread."""
    if not wanted:
        yield
        return
    profiles: list[cProfile.Profile] = []
    run = threading.Thread.run

    def profiled(self: threading.Thread) -> None:
        profiles.append(cProfile.Profile(time.thread_time))
        profiles[-1].runcall(run, self)

    threading.Thread.run = profiled  # type: ignore[method-assign]
    main = cProfile.Profile(time.thread_time)
    with main:
        yield
    stats = pstats.Stats(main)
    for profile in profiles:
        stats.add(profile)
    stats.sort_stats("tottime").print_stats(45)


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--decoder-ms", type=float, default=0.0)
    parser.add_argument("--model-ms", type=float, default=0.0)
    args = parser.parse_args()
    device = Device(args.decoder_ms / 1e3, args.model_ms / 1e3)
    with tempfile.TemporaryDirectory(prefix="fastdup-host-") as scratch, _profiled(args.profile):
        print(json.dumps(measure(Path(scratch), args.pictures, args.threads, device)), flush=True)


if __name__ == "__main__":
    main()
