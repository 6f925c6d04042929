"""`python -m benchmarks.gpu_smoke`: the first minute on a machine with a GPU.

    python -m benchmarks.gpu_smoke [--checks a,b] [--limit 40] [--at-once 4] [--out FILE]

Does each library load, find the GPU and do what the backend asks of it? Every check is a process
of its own with a time limit, so that one that crashes or hangs ends nothing but itself. Each
prints one line of JSON as it ends: `ok`, what it `found`, or the `error`; --out gets the same.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.gpu_checks import CHECKS
from benchmarks.gpu_stages import finished

_MARK = "found: "
Line = dict[str, Any]


def run_checks(names: list[str], limit: float, at_once: int, tell: Callable[[Line], None]) -> bool:
    """All checks, several at once; `tell` gets each line as it is there. Whether all are well."""
    with ThreadPoolExecutor(at_once) as pool:
        lines = list(pool.map(lambda name: _told(run_check(name, limit), tell), names))
    return all(line["ok"] for line in lines)


def run_check(name: str, limit: float) -> Line:
    """One check in a process of its own."""
    begin = time.perf_counter()
    code, out, log = finished(_command(name), limit)
    error = f"stopped after {limit:.0f} s; {log[-2000:]}" if code is None else _failure(code, log)
    seconds = round(time.perf_counter() - begin, 2)
    found = [json.loads(line.removeprefix(_MARK)) for line in out.splitlines() if _MARK in line]
    line = {"check": name, "ok": not error, "seconds": seconds}
    return {**line, "found": {k: v for f in found for k, v in f.items()}, "error": error}


def run_one(name: str) -> None:
    """In the process of a check: what it finds is printed at once, so that a crash loses none."""
    for found in CHECKS[name]():
        print(_MARK + json.dumps(found, default=str), flush=True)


def _command(name: str) -> list[str]:
    return [sys.executable, "-m", "benchmarks.gpu_smoke", "--one", name]


def _failure(code: int, log: str) -> str:
    if not code:
        return ""
    how = signal.Signals(-code).name if code < 0 else f"exit {code}"
    return f"{how}: {' '.join(log[-4000:].split())}"


def _told(line: Line, tell: Callable[[Line], None]) -> Line:
    tell(line)
    return line


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--checks", default=",".join(CHECKS))
    parser.add_argument("--limit", type=float, default=40, help="seconds for each check")
    parser.add_argument("--at-once", type=int, default=4)
    parser.add_argument("--out", default="", help="file that gets the lines")
    parser.add_argument("--one", choices=list(CHECKS), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        run_one(args.one)
        return

    def tell(line: Line) -> None:
        text = json.dumps(line)
        print(text, flush=True)
        if args.out:
            with Path(args.out).open("a", encoding="utf-8") as out:
                out.write(text + "\n")

    sys.exit(not run_checks(args.checks.split(","), args.limit, args.at_once, tell))


if __name__ == "__main__":
    main()
