"""The runner: each target in a process of its own, started again after a crash or a hang."""

from __future__ import annotations

import argparse
import contextlib
import csv
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from fuzz import loop

COLUMNS = ("target", "minutes", "executions", "found")
_WALL = 30  # times the CPU time, and 15 minutes: a target that waits for ever is ended


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("target", nargs="*", help="names, or all")
    parser.add_argument("--minutes", type=float, default=1.0, help="CPU time of all together")
    parser.add_argument("--out", type=Path, help="folder for what is found")
    parser.add_argument("--jobs", type=int, default=1, help="targets at a time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--engine", choices=("atheris", "chance"), default=_best_engine())
    parser.add_argument("--replay", type=Path, metavar="FILE", help="run one input of a target")
    parser.add_argument("--child", type=float, help=argparse.SUPPRESS)
    args = parser.parse_args()
    guided = args.engine == "atheris" and args.child
    with loop.instrument()() if guided else contextlib.nullcontext():
        from fuzz.targets import TARGETS
    if args.child:
        loop.run(TARGETS[args.target[0]], args.out, args.child, args.engine, args.seed)
    elif args.replay:
        _replay(TARGETS[args.target[0]], args.replay)
    elif args.target:
        _run_all([*TARGETS] if args.target == ["all"] else args.target, args)
    else:
        print(*TARGETS, sep="\n")


def _best_engine() -> str:
    return "atheris" if importlib.util.find_spec("atheris") else "chance"


def _replay(target: Any, file: Path) -> None:
    from fuzz.target import execute

    with tempfile.TemporaryDirectory() as root:
        execute(target, file.read_bytes(), Path(root))
    print("the property holds")


def _run_all(names: list[str], args: argparse.Namespace) -> None:
    args.out = args.out or Path(tempfile.mkdtemp(prefix="fuzz-found-"))
    seconds = 60 * args.minutes / len(names)
    with ThreadPoolExecutor(args.jobs) as pool:
        rows = list(pool.map(lambda name: _run(name, args, seconds), names))
    with (args.out / "fuzz.csv").open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    print("what was found is in", args.out)


def _run(name: str, args: argparse.Namespace, seconds: float) -> tuple[object, ...]:
    folder: Path = args.out / name
    folder.mkdir(parents=True, exist_ok=True)
    spent, executions, seed = 0.0, 0, args.seed
    while spent < seconds - 1:
        ended = _child(name, folder, seconds - spent, args.engine, seed)
        done = _progress(folder)
        spent += max(done["seconds"], 1.0)
        executions += done["executions"]
        if ended and (folder / "current").exists():
            kind = f"crash-{ended}-{sum(1 for _ in folder.glob('crash-*.bin'))}"
            shutil.move(folder / "current", folder / f"{kind}.bin")
        seed += 1000
    found = sorted(p.stem for p in folder.glob("*.bin"))
    print(f"{name}: {executions} executions in {spent / 60:.2f} min, {len(found)} found: {found}")
    return name, f"{spent / 60:.2f}", executions, len(found)


def _child(name: str, folder: Path, seconds: float, engine: str, seed: int) -> int:
    """The exit status; negative for the signal that ended the process."""
    (folder / "progress.json").unlink(missing_ok=True)
    command = [sys.executable, "-m", "fuzz", name, "--child", str(seconds), "--out", str(folder)]
    command += ["--engine", engine, "--seed", str(seed)]
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with (
        tempfile.TemporaryDirectory(prefix="fuzz-", dir=memory) as scratch,
        (folder / "log").open("ab") as log,
    ):
        env = {**os.environ, "TMPDIR": scratch, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        try:
            limit = 900 + _WALL * seconds
            done = subprocess.run(
                command, check=False, stdout=log, stderr=log, env=env, timeout=limit
            )
        except subprocess.TimeoutExpired:
            return -9
    return done.returncode


def _progress(folder: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads((folder / "progress.json").read_text())
    except (OSError, ValueError):
        content = {"seconds": 0.0, "executions": 0}
    return content


main()
