"""The cases: what is run, on how many pictures or vectors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.data import clustered_vectors, many_pictures, stored_vectors, unit_vectors
from fastdup_gpu.protocol import F32

DIM = 576


@dataclass(frozen=True, slots=True)
class Case:
    """`prepare(photos, scratch)` makes the input; `arguments(input, work_dir)` those of run();
    `pictures` whether a model runs, so that its engines are compared."""

    name: str
    images: int
    prepare: Callable[[Path, Path], Path]
    arguments: Callable[[Path, Path], dict[str, Any]]
    pictures: bool = True


def _pictures(count: int) -> Callable[[Path, Path], Path]:
    return lambda photos, scratch: many_pictures(photos, scratch / f"pictures-{count}", count)


def _vectors(count: int, made: Callable[[int, int], F32]) -> Callable[[Path, Path], Path]:
    name = f"{made.__name__}-{count}"
    return lambda _, scratch: stored_vectors(scratch / name, count, DIM, made)


def _run_on_features(given: Path, out: Path) -> dict[str, Any]:
    """The peer reads features from the work_dir only, so both find links to them there."""
    out.mkdir(parents=True)
    for file in given.iterdir():
        (out / file.name).symlink_to(file)
    return {"input_dir": str(given), "work_dir": str(out), "run_mode": 2, "threshold": 0.0}


def _run(**more: Any) -> Callable[[Path, Path], dict[str, Any]]:
    return lambda given, out: {"input_dir": str(given), "work_dir": str(out), **more}


CASES = {
    case.name: case
    for case in (
        Case("run_1k", 1_000, _pictures(1_000), _run()),
        Case("run_10k", 10_000, _pictures(10_000), _run()),
        Case("extract_10k", 10_000, _pictures(10_000), _run(run_mode=1)),
        Case("high_accuracy_1k", 1_000, _pictures(1_000), _run(high_accuracy=True, d=960)),
        Case(
            "grouped_100k", 100_000, _vectors(100_000, clustered_vectors), _run_on_features, False
        ),
        Case("neighbors_100k", 100_000, _vectors(100_000, unit_vectors), _run_on_features, False),
        Case(
            "grouped_1m", 1_000_000, _vectors(1_000_000, clustered_vectors), _run_on_features, False
        ),
        Case("neighbors_1m", 1_000_000, _vectors(1_000_000, unit_vectors), _run_on_features, False),
    )
}
