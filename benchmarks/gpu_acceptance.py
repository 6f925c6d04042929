"""`python -m benchmarks.gpu_acceptance`: does the GPU backend work here, and how fast?

    python -m benchmarks.gpu_acceptance [--out FOLDER] [--budget 460] [--stages a,b]
    python -m benchmarks.gpu_acceptance --rehearse       (tiny sizes on the CPU, without a GPU)

Without --stages all are run but those for settings and for a size of its own (parts, tuning, huge).
Every stage is a process of its own, so that one that fails or hangs costs only itself. After each
the rows are written: gpu.csv (appended to) and gpu.json (this run's) in --out. docs/gpu-status.md
is made from benchmarks/results/gpu.csv by `python -m benchmarks.gpu_status`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks import environment, gpu_kernels, gpu_parts, gpu_searches, gpu_stages, gpu_tuning
from benchmarks.gpu_stages import Setting, finished
from benchmarks.gpu_timing import Found
from benchmarks.run import write_rows

COLUMNS = (
    "stage", "what", "size", "seconds", "seconds_p20", "seconds_p80", "rounds",
    "transfer_seconds", "rate", "unit", "note",
    "compute", "gpu", "driver", "packages", "date", "cpu", "cores", "python", "commit",
)  # fmt: skip
STAGES = {
    **gpu_stages.STAGES,
    "neighbors": gpu_searches.neighbors,
    "graphs": gpu_searches.graphs,
    "kernels": gpu_kernels.kernels,
    "parts": gpu_parts.parts,
    "tuning": gpu_tuning.tuning,
    "huge": gpu_searches.huge,
}
_ON_DEMAND = ("parts", "tuning", "huge", "whole_run_444")
RESULTS = Path(__file__).parent / "results"
# Seconds that a stage may take at most; what the budget still holds counts too.
LIMITS = {
    "conformance": 150, "embedding": 90, "neighbors": 180, "whole_run": 260, "parts": 200,
    "tuning": 120, "huge": 300, "whole_run_444": 260,
}  # fmt: skip
_LIMIT = 75
_LEAST = 1.0  # a stage with less time left is not begun


@dataclass(frozen=True, slots=True)
class Machine:
    """Columns of a row that say what it was measured on."""

    columns: dict[str, str]

    @classmethod
    def of(cls, compute: str) -> Machine:
        """This machine."""
        gpu, driver = _gpu() if compute == "gpu" else ("", "")
        about = {
            "compute": compute,
            "gpu": gpu,
            "driver": driver,
            "packages": environment.packages(),
        }
        return cls({**about, **environment.describe()})


def run_stages(args: argparse.Namespace, out: Path, scratch: Path) -> list[Found]:
    """All stages within the budget; rows are written after each."""
    machine, rows = Machine.of(args.compute), []
    end = time.monotonic() + args.budget
    for stage in args.stages.split(","):
        left = min(LIMITS.get(stage, _LIMIT), end - time.monotonic())
        found = run_stage(stage, args, scratch, left)
        new = [
            {**dict.fromkeys(COLUMNS, ""), **r, "stage": stage, **machine.columns} for r in found
        ]
        rows += new
        write_rows(out / "gpu.csv", new, COLUMNS)
        (out / "gpu.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        for r in found:
            print(
                f"{stage}: {r['what']}: {r.get('rate', '')} {r.get('unit', '')} {r.get('note', '')}"
            )
    return rows


def run_stage(stage: str, args: argparse.Namespace, scratch: Path, seconds: float) -> list[Found]:
    """The rows that a stage printed until it ended, failed or ran out of time."""
    if seconds < _LEAST:
        return [_trouble("no time was left")]
    command = [sys.executable, "-m", "benchmarks.gpu_acceptance", "--one", stage]
    command += ["--compute", args.compute, "--pictures", str(args.pictures)]
    command += ["--scratch", str(scratch), *(["--small"] if args.small else [])]
    code, printed, log = finished(command, seconds)
    if code is None:
        return [*_rows(printed), _trouble(f"stopped after {seconds:.3g} s")]
    if code:
        return [*_rows(printed), _trouble(f"failed: {log[-1500:]}")]
    return _rows(printed)


def run_one(args: argparse.Namespace) -> None:
    """In the process of a stage: print a row as a line of JSON as soon as it is there."""
    setting = Setting(args.compute, args.small, args.pictures, Path(args.scratch))
    for found in STAGES[args.one](setting):
        print(f"{_MARK}{json.dumps(found)}", flush=True)


_MARK = "row: "


def _rows(printed: str) -> list[Found]:
    lines = [line.removeprefix(_MARK) for line in printed.splitlines() if line.startswith(_MARK)]
    return [json.loads(line) for line in lines]


def _trouble(note: str) -> Found:
    return {"what": "not finished", "note": " ".join(note.split())}


def _gpu() -> tuple[str, str]:
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "", ""
    name, _, driver = done.stdout.splitlines()[0].partition(", ")
    return name, driver


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--compute", choices=["gpu", "cpu"], default="gpu")
    parser.add_argument("--small", action="store_true", help="tiny sizes, to see that it runs")
    parser.add_argument("--rehearse", action="store_true", help="--compute cpu --small")
    parser.add_argument("--pictures", type=int, default=0, help="JPEGs of the whole run")
    parser.add_argument("--budget", type=float, default=460, help="seconds for everything")
    parser.add_argument("--stages", default=",".join(s for s in STAGES if s not in _ON_DEMAND))
    parser.add_argument("--out", default="", help="folder of the rows")
    parser.add_argument("--scratch", default="")
    parser.add_argument("--one", choices=list(STAGES), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.rehearse:
        args.compute, args.small = "cpu", True
    args.pictures = args.pictures or (40 if args.small else 100_000)
    if args.one:
        run_one(args)
        return
    with tempfile.TemporaryDirectory(prefix="fastdup-acceptance-") as scratch:
        rehearsal = args.small or args.compute != "gpu"
        default = Path(tempfile.gettempdir()) / "fastdup-rehearsal" if rehearsal else RESULTS
        out = Path(args.out or default)
        out.mkdir(parents=True, exist_ok=True)
        rows = run_stages(args, out, Path(args.scratch or scratch))
        print(f"{len(rows)} rows in {out}")
        sys.exit(any(r["what"] == "not finished" for r in rows))


if __name__ == "__main__":
    main()
