"""The stages of the GPU acceptance run: each measures one part and yields what it found."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gpu_pictures import encoded, make_pictures
from benchmarks.gpu_timing import Found, Timed, filled, row, timed, transferred, tried
from fastdup_gpu._registry import open_backend
from fastdup_gpu.models.manifest import DEFAULT, DEFAULT_PATH, choose_model
from fastdup_gpu.protocol import Backend, Encoded, ModelSpec, PixelPlan

ROOT = Path(__file__).parent.parent
DIM, K, THREADS = 576, 2, 16
_ENOUGH_RUNS = 45.0  # seconds after which no further whole run is begun
MODEL_SIDE = DEFAULT["fp16"].side
PLAN = PixelPlan(MODEL_SIDE, MODEL_SIDE)


@dataclass(frozen=True, slots=True)
class Setting:
    """`compute` 'gpu' or 'cpu'; `small` for a rehearsal; `pictures`: how many JPEGs to make."""

    compute: str
    small: bool
    pictures: int
    scratch: Path

    def size(self, full: int, small: int) -> int:
        """The size to measure at."""
        return small if self.small else full


def conformance(setting: Setting) -> Iterator[Found]:
    """The tests that are marked for the GPU; those of the graph alone in a CPU rehearsal."""
    on_gpu = ["-m", "gpu", "tests/conformance"]  # other folders need packages for development
    chosen = on_gpu if setting.compute == "gpu" else ["tests/conformance/test_graph.py"]
    workers = ["-n", "6"] if importlib.util.find_spec("xdist") else []
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *workers, *chosen]
    begin = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begin
    counts = {k: int(n) for n, k in re.findall(r"(\d+) (passed|failed|error|skipped)", done.stdout)}
    if not counts.get("passed"):
        raise RuntimeError(f"no test passed: {(done.stdout + done.stderr)[-1500:]}")
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    note = ", ".join(f"{n} {k}" for k, n in counts.items())
    yield row("tests passed", counts.get("passed", 0), seconds, "tests/s", note)
    yield row("tests failed", len(failed), 0, "", " ".join(failed)[:2000])


def decoding(setting: Setting) -> Iterator[Found]:
    """Both decoders, from bytes in memory to both small sizes; which way nvImageCodec takes is said
    to depend on whether all pictures of a batch have the same subsampling of colours."""
    count = setting.size(8_000, 64)
    kinds = {
        "": in_batches(setting, count),
        ", 444": in_batches(setting, count, ("444",)),
        ", 444 and 420": in_batches(setting, count, ("444", "420")),
    }
    for name in ("nvimgcodec", "dali") if setting.compute == "gpu" else ("cpu",):
        for kind, batches in kinds.items():
            what = f"decode by {name}{kind}"
            yield tried(what, partial(_decoded, setting, name, what, batches))


def _decoded(setting: Setting, name: str, what: str, batches: list[list[Encoded]]) -> Found:
    backend = opened(setting, decoder=name)
    spent = timed(partial(_decode_all, backend, batches))
    return row(what, sum(map(len, batches)), spent, "images/s")


def embedding(setting: Setting) -> Iterator[Found]:
    """Every engine that can be opened, on pictures that are decoded already."""
    on_gpu = ("tensorrt", "tensorrt_rtx", "onnxruntime")
    backend = opened(setting)
    batch = backend.decode(in_batches(setting, backend.batch_size)[0], PLAN)
    times = setting.size(100, 2)
    for engine in on_gpu if setting.compute == "gpu" else ("auto",):
        yield tried(f"embed by {engine}", partial(_embedded, backend, engine, batch, times))


def _embedded(backend: Backend, engine: str, batch: Any, times: int) -> Found:
    model = backend.open_model(packaged_spec(backend.name, engine))
    spent = timed(_embedded_as_in_a_run(backend, model, batch, times))
    return row(f"embed by {model.runs_on}", times * len(batch.outcomes), spent, "images/s")


def _embedded_as_in_a_run(
    backend: Backend, model: Any, batch: Any, times: int
) -> Callable[[], object]:
    """A batch embedded some times: on the GPU in order of a stream, which is waited for once."""
    if backend.name != "gpu":
        return partial(_repeat, times, partial(backend.embed, model, batch))
    import cupy

    stream = cupy.cuda.Stream(non_blocking=True)
    cupy.cuda.get_current_stream().synchronize()

    def work() -> None:
        with stream:
            _repeat(times, partial(model.features, batch.model_pixels))
        stream.synchronize()

    return work


def statistics(setting: Setting) -> Iterator[Found]:
    """Basic and advanced statistics of decoded pictures."""
    backend = opened(setting)
    batch = backend.decode(in_batches(setting, backend.batch_size)[0], PLAN)
    times = setting.size(200, 2)
    for advanced in (False, True):
        work = partial(backend.pixel_stats, batch, advanced=advanced)
        spent = timed(partial(_repeat, times, work))
        name = "advanced" if advanced else "basic"
        numbers = [filled(len(batch.outcomes), 18 if advanced else 7, kind=np.float64)] * times
        moved = transferred(setting.compute, [], numbers)
        count = times * len(batch.outcomes)
        yield row(f"{name} statistics", count, spent, "images/s", transfer=moved)


def extraction(setting: Setting) -> Iterator[Found]:
    """Decode, embed and statistics together, overlapped, from bytes in memory."""
    backend = opened(setting)
    model = backend.open_model(packaged_spec(backend.name, "auto"))
    batches = in_batches(setting, setting.size(20_000, 64))

    def work() -> int:
        results = backend.extract(iter(batches), PLAN, model, wanted="basic", threads=THREADS)
        return sum(len(r.features) for r in results)

    spent, count = timed(work), sum(map(len, batches))
    files = [np.frombuffer(b"".join(e.load() for e in part), np.uint8) for part in batches]
    results = [filled(len(part), DIM + 2 * 7) for part in batches]
    moved = transferred(setting.compute, files, results)
    yield row("extract", count, spent, "images/s", "from bytes in memory", transfer=moved)


def whole_run(setting: Setting) -> Iterator[Found]:
    """run() in a process of its own, on JPEGs on disk; then each of its parts."""
    yield from _whole_runs(setting, "whole run", "pictures", "420")


def whole_run_444(setting: Setting) -> Iterator[Found]:
    """The same on JPEGs whose colours are not subsampled: twice as many samples to decode."""
    yield from _whole_runs(setting, "whole run, 444", "pictures444", "444")


def _whole_runs(setting: Setting, what: str, name: str, colors: str) -> Iterator[Found]:
    folder, work_dir = setting.scratch / name, setting.scratch / "run"
    begin = time.perf_counter()
    size = make_pictures(folder, setting.pictures, colors)
    spent = time.perf_counter() - begin
    note = f"{colors}, {size / 1024:.0f} KB each"
    yield row("jpegs made", setting.pictures, spent, "images/s", note)
    arguments = {
        "input_dir": str(folder),
        "work_dir": str(work_dir),
        "compute": setting.compute,
        "num_images": setting.pictures,  # more may be there
    }
    parts: list[dict[str, float]] = []
    taken: list[float] = []
    while len(taken) < setting.size(3, 1) and sum(taken) < _ENOUGH_RUNS:
        shutil.rmtree(work_dir, ignore_errors=True)
        begin = time.perf_counter()
        parts.append(_run_alone(arguments))
        taken.append(time.perf_counter() - begin)
        yield row(f"{what} number {len(taken)}", setting.pictures, taken[-1], "images/s", note)
    note = f"with the start of Python; {note}"
    yield row(what, setting.pictures, Timed(taken), "images/s", note)
    for part in parts[0]:
        apart = Timed([found[part] for found in parts])
        yield row(f"of the run: {part}", setting.pictures, apart, "images/s")


def _run_alone(arguments: dict[str, Any]) -> dict[str, float]:
    """Seconds of each part of one run() in a process of its own."""
    command = [sys.executable, str(ROOT / "benchmarks" / "one_run.py"), "fastdup_gpu"]
    begin = time.time()
    done = subprocess.run(
        [*command, json.dumps(arguments)],
        cwd=ROOT,
        env=child_env(),
        capture_output=True,
        check=False,
    )
    end = time.time()
    if done.returncode:
        raise RuntimeError(f"run() failed: {done.stderr[-1500:].decode(errors='replace')}")
    inside = json.loads(done.stdout.splitlines()[-1])
    config = json.loads((Path(arguments["work_dir"]) / "config.json").read_text(encoding="utf-8"))
    stages = {name: float(spent) for name, spent in config["found"]["seconds"].items()}
    return {
        "start of Python": inside["begun"] - begin,
        "beside its stages": inside["ended"] - inside["begun"] - sum(stages.values()),
        **stages,
        "end of Python": end - inside["ended"],
    }


STAGES: dict[str, Callable[[Setting], Iterator[Found]]] = {
    stage.__name__: stage
    for stage in (
        conformance, decoding, embedding, extraction, whole_run, statistics, whole_run_444,
    )
}  # fmt: skip


def _decode_all(backend: Backend, batches: list[list[Encoded]]) -> None:
    for part in batches:
        backend.decode(part, PLAN)


def _repeat(times: int, work: Callable[[], object]) -> None:
    for _ in range(times):
        work()


def opened(setting: Setting, **choices: str) -> Backend:
    if setting.compute != "gpu":
        return open_backend(setting.compute)
    from fastdup_gpu.gpu.backend import GpuBackend

    return GpuBackend(**choices)  # type: ignore[arg-type, return-value]


def packaged_spec(compute: str, engine: str) -> ModelSpec:
    """The model that run() takes."""
    return choose_model(
        DEFAULT_PATH,
        DIM,
        high_accuracy=False,
        precision="auto",
        backend=compute,
        engine=engine,
    )


def in_batches(
    setting: Setting, count: int, colors: Sequence[str] = ("420",)
) -> list[list[Encoded]]:
    """Encoded pictures in memory, in batches of 128; some stand several times. `colors`: the
    subsampling of one after the other."""
    different = range(min(count, setting.size(512, 32)))
    data = [encoded(i, colors[i % len(colors)]) for i in different]
    items = [Encoded(i, partial(data.__getitem__, i % len(data))) for i in range(count)]
    return [items[i : i + 128] for i in range(0, count, 128)]


def finished(command: list[str], limit: float) -> tuple[int | None, str, str]:
    """Exit code, stdout and stderr of a command of this checkout. No code where it ran past
    `limit` seconds: then it was killed, with its own children, which use the GPU too."""
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=child_env(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            out, log = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return None, *process.communicate()
    return process.returncode, out, log


def child_env() -> dict[str, str]:
    """For a Python of this checkout; what stands in PYTHONPATH already is still found."""
    path = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
