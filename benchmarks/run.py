"""`python -m benchmarks.run`: run cases side by side and write rows.

    python -m benchmarks.run --photos FOLDER [--peer PYTHON] [--cases a,b] [--repeats 3]

`--photos`: a folder with real JPEGs to make the collections from. `--peer`: the Python of an
environment that has the peer package `fastdup`; each repetition then runs both, in turns.
Every run is a process of its own; wall time includes its start. Rows go to --out as csv.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks import environment, recall
from benchmarks.cases import CASES, Case
from benchmarks.data import quantiles

ONE_RUN = Path(__file__).parent / "one_run.py"
COLUMNS = (
    "case", "who", "images", "runs", "seconds_p20", "seconds_p50", "seconds_p80",
    "images_per_second", "cpu_seconds", "peak_mb", "recall",
    "date", "cpu", "cores", "python", "commit",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Measured:
    """One finished process."""

    seconds: float
    cpu_seconds: float
    peak_mb: float


def measure(python: str, module: str, arguments: dict[str, Any], log: Path) -> Measured:
    """Run one_run.py and wait; raises RuntimeError with the end of its output if it fails."""
    command = [python, str(ONE_RUN), module, json.dumps(arguments)]
    root = str(ONE_RUN.parent.parent)
    env = {**os.environ, "PYTHONPATH": root} if module == "fastdup_gpu" else dict(os.environ)
    begin = time.perf_counter()
    with log.open("wb") as stream:
        redirect = [(os.POSIX_SPAWN_DUP2, stream.fileno(), fd) for fd in (1, 2)]
        pid = os.posix_spawn(python, command, env, file_actions=redirect)
        _, status, usage = os.wait4(pid, 0)
    seconds = time.perf_counter() - begin
    if status:
        raise RuntimeError(f"{module} failed: {log.read_bytes()[-800:]!r}")
    return Measured(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def run_case(case: Case, args: argparse.Namespace) -> list[dict[str, object]]:
    """All repetitions of one case, the packages in turns."""
    prepared = case.prepare(Path(args.photos), Path(args.scratch))
    players = _players(case, args.peer)
    times: dict[str, list[Measured]] = {who: [] for who in players}
    recalls: dict[str, float] = {}
    for repeat in range(args.repeats):
        for who, (python, module, more) in players.items():
            work_dir = Path(args.scratch) / f"out-{case.name}-{who.replace(', ', '-')}"
            shutil.rmtree(work_dir, ignore_errors=True)
            arguments = case.arguments(prepared, work_dir) | more
            done = measure(python, module, arguments, Path(args.scratch) / "log.txt")
            times[who].append(done)
            if not case.pictures and repeat == args.repeats - 1:
                recalls[who] = _elsewhere(recall.of_run, prepared, work_dir)
            print(f"{case.name} {who} #{repeat}: {done.seconds:.2f} s, {done.peak_mb:.0f} MB")
    return [_row(case, who, runs, recalls.get(who)) for who, runs in times.items()]


def _elsewhere(work: Callable[[Path, Path], float], *given: Path) -> float:
    """In a process of its own: what a child is said to have needed at most counts the memory of
    the process that started it."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *given).result()


def _players(case: Case, peer: str | None) -> dict[str, tuple[str, str, dict[str, str]]]:
    """Who runs a case: Python, module, and arguments of its own."""
    ours = (sys.executable, "fastdup_gpu")
    players: dict[str, tuple[str, str, dict[str, str]]] = {"fastdup-gpu": (*ours, {})}
    if case.pictures:
        players = {
            f"fastdup-gpu, {engine}": (*ours, {"turi_param": f"engine={engine}"})
            for engine in ("onnxruntime", "openvino")
            if importlib.util.find_spec(engine)
        }
    if peer:
        players["peer"] = (peer, "fastdup", {})
    return players


def _row(case: Case, who: str, runs: list[Measured], found: float | None) -> dict[str, object]:
    low, middle, high = quantiles([r.seconds for r in runs])
    return {
        "case": case.name,
        "who": who,
        "images": case.images,
        "runs": len(runs),
        "seconds_p20": round(low, 3),
        "seconds_p50": round(middle, 3),
        "seconds_p80": round(high, 3),
        "images_per_second": round(case.images / middle, 1),
        "cpu_seconds": round(quantiles([r.cpu_seconds for r in runs])[1], 2),
        "peak_mb": round(max(r.peak_mb for r in runs)),
        "recall": "" if found is None else round(found, 4),
        **environment.describe(),
    }


def write_rows(
    path: Path, rows: list[dict[str, object]], columns: tuple[str, ...] = COLUMNS
) -> None:
    """Append rows to a csv, with a header where it is new."""
    new = not path.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    """Parse the command line, run, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--photos", required=True)
    parser.add_argument("--peer", help="python of an environment with the peer package")
    parser.add_argument("--scratch", default="/tmp/fastdup-bench")
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", default=str(Path(__file__).parent / "results" / "cpu.csv"))
    args = parser.parse_args()
    Path(args.scratch).mkdir(parents=True, exist_ok=True)
    for name in args.cases.split(","):
        write_rows(Path(args.out), run_case(CASES[name], args))


if __name__ == "__main__":
    main()
