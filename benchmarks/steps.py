"""`python -m benchmarks.steps`: the CPU time of each step of an extraction, called by one thread.

    python -m benchmarks.steps --photos FOLDER [--count 800] [--repeats 5] [--out CSV]

The pictures are those of the case run_10k. Every step goes over all of them by itself, the steps
in turns; a row is the median of its turns, in microseconds of CPU a picture. "together" is all
of them, batch after batch, as a thread of the CPU backend does it: its caches are warm.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import environment
from benchmarks.cases import CASES
from benchmarks.data import quantiles
from benchmarks.run import write_rows
from fastdup_gpu.area import resize_area
from fastdup_gpu.fallback_cpu.backend import CpuBackend
from fastdup_gpu.fallback_cpu.decode import CpuBatch
from fastdup_gpu.fallback_cpu.embed import OnnxModel
from fastdup_gpu.fallback_cpu.stats import pixel_stats
from fastdup_gpu.models.manifest import DEFAULT_PATH, choose_model
from fastdup_gpu.pictures import read_picture
from fastdup_gpu.protocol import Encoded, PixelPlan
from fastdup_gpu.reading import read_file
from fastdup_gpu.shrink import nearest_224

COLUMNS = ("step", "images", "engine", "cpu_us", "date", "cpu", "cores", "python", "commit")
Work = Callable[[Any], Any]


def steps(paths: Sequence[str], model: OnnxModel) -> dict[str, tuple[Work, list[Any]]]:
    """What is done, and the pictures or batches that it is done to."""
    plan = PixelPlan(model.height, model.width)
    backend = CpuBackend()
    data = [read_file(path) for path in paths]
    pixels = [read_picture(encoded, plan) for encoded in data]
    asked = [Encoded(i, partial(read_file, path)) for i, path in enumerate(paths)]
    batches = _in_batches(asked, backend.batch_size)
    decoded = [backend.decode(batch, plan) for batch in batches]

    def together(batch: Sequence[Encoded]) -> None:
        made: CpuBatch = backend.decode(batch, plan)
        backend.embed(model, made)
        backend.pixel_stats(made, advanced=False)

    return {
        "read": (read_file, list(paths)),
        "JPEG": (lambda encoded: read_picture(encoded, plan), data),
        "area resize": (lambda bgr: resize_area(bgr, model.height, model.width), pixels),
        "exact nearest": (nearest_224, pixels),
        "statistics": (
            lambda stats: pixel_stats(stats, advanced=False),
            [batch.stats_pixels for batch in decoded],
        ),
        "model": (model.embed, [batch.model_pixels for batch in decoded]),
        "together": (together, batches),
    }


def measure(work: Work, items: Sequence[Any], images: int) -> float:
    """Microseconds of CPU time for each picture: of all threads, as OpenVINO has its own."""
    begin = time.process_time()
    for item in items:
        work(item)
    return (time.process_time() - begin) / images * 1e6


def _in_batches(items: list[Any], size: int) -> list[list[Any]]:
    return [items[i : i + size] for i in range(0, len(items), size)]


def main() -> None:
    """Parse the command line, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--photos", required=True)
    parser.add_argument("--scratch", default="/tmp/fastdup-bench")
    parser.add_argument("--count", type=int, default=800)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", default=str(Path(__file__).parent / "results" / "steps.csv"))
    args = parser.parse_args()
    folder = CASES["run_10k"].prepare(Path(args.photos), Path(args.scratch))
    paths = sorted(str(path) for path in folder.glob("*.jpg"))[: args.count]
    spec = choose_model(DEFAULT_PATH, 576, high_accuracy=False, precision="auto", backend="cpu")
    model = OnnxModel(spec)
    todo = steps(paths, model)
    times: dict[str, list[float]] = {name: [] for name in todo}
    for _ in range(args.repeats):
        for name, (work, items) in todo.items():
            times[name].append(measure(work, items, len(paths)))
    row = {"images": len(paths), "engine": model.runs_on, **environment.describe()}
    rows: list[dict[str, object]] = [
        {"step": name, "cpu_us": round(quantiles(found)[1], 1), **row}
        for name, found in times.items()
    ]
    for line in rows:
        print(line["step"], line["cpu_us"])
    write_rows(Path(args.out), rows, COLUMNS)


if __name__ == "__main__":
    main()
