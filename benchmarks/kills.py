"""`python -m benchmarks.kills`: kill -9 at random points, and look whether anything is lost.

    python -m benchmarks.kills [--trials 200] [--seed 0] [--only NAME]

A trial runs a scenario in a process of its own that dies before a drawn operation on files, in
the middle of a write, or at a drawn time; every fourth is killed once more while it goes on.
Then it is done again to the end: all result files must be those of an uninterrupted run, byte
for byte, with nothing temporary beside them. A row a scenario goes to --out as csv.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

from benchmarks import environment
from benchmarks.dying import KILLED, Death, Watch
from benchmarks.kill_scenarios import SCENARIOS, Scenario
from benchmarks.run import write_rows
from benchmarks.s3_server import ENVIRONMENT, server

ROOT = Path(__file__).parent.parent
COLUMNS = ("scenario", "trials", "killed", "survived", "seed", "date", "commit")
LITTER = re.compile(r".*\.(tmp|part|partial)|\.write-test.*")
# Their content tells of places and times; that they are there is compared.
RECORDS = re.compile(
    r"(comparison|joined)\.json|\w+_extraction\.json|\w+_items\.npz|copies\.jsonl|.*undo\.jsonl"
)
_PRELOADED = (
    "fastdup_gpu.pipeline fastdup_gpu.clustering fastdup_gpu.fallback_cpu.backend "
    "fastdup_gpu.galleries.duplicates fastdup_gpu.analysis.deletion onnxruntime hnswlib av s3fs "
    "scipy.sparse.csgraph benchmarks.kill_scenarios"
).split()


@dataclass(frozen=True, slots=True)
class Whole:
    """An uninterrupted run: its files, how many operations of both kinds, and seconds."""

    files: dict[str, bytes]
    counts: dict[bool, int]
    seconds: float


class Arena:
    """A folder in which the trials of one scenario run."""

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        self.scenario, self.folder = scenario, folder
        self._context = _context()
        self._call("prepare", "in")
        self.whole = self._uninterrupted()

    def _uninterrupted(self) -> Whole:
        self._call("setup", "whole")
        begin = time.perf_counter()
        self._call("act", "whole")
        seconds = time.perf_counter() - begin
        if self.scenario.again is not None:
            self._call("finish", "whole")
        counts = json.loads((self.folder / "whole.counts").read_text())
        files = results(self.scenario, self.folder / "whole")
        if not files:
            raise RuntimeError(f"{self.scenario.name!r} left no files")
        return Whole(files, {False: counts[0], True: counts[1]}, seconds)

    def trial(self, number: int, seed: int) -> tuple[bool, list[str]]:
        """Whether the process was killed, and what differs afterwards."""
        draw = random.Random(f"{seed} {self.scenario.name} {number}")
        name = f"trial{number}"
        self._call("setup", name)
        killed = self._kill("act", name, draw, number)
        if killed and number % 4 == 3:
            self._kill("finish", name, draw, number)
        try:
            self._call("finish", name)
        except RuntimeError as error:
            return killed, [str(error)]
        wrong = differences(self.whole.files, results(self.scenario, self.folder / name))
        if not wrong:
            shutil.rmtree(self.folder / name)
        return killed, wrong

    def _kill(self, step: str, name: str, draw: random.Random, number: int) -> bool:
        """Start a step and let it die; False where it ended before."""
        if number % 3 == 2:
            process = self._start(step, name, None)
            process.join(draw.uniform(0, self.whole.seconds))
            process.kill()
        else:
            process = self._start(step, name, self._drawn(draw, torn=number % 3 == 1))
        process.join()
        if process.exitcode not in (0, *KILLED):
            raise RuntimeError(f"{self.scenario.name!r} ended with {process.exitcode}")
        return process.exitcode in KILLED

    def _drawn(self, draw: random.Random, *, torn: bool) -> Death:
        reading = not torn and draw.random() < 0.2
        at = draw.randrange(max(1, self.whole.counts[reading]))
        return Death(at, reading, draw.choice([0, 1, 100, 5000]) if torn else None)

    def _call(self, step: str, name: str) -> None:
        process = self._start(step, name, None)
        process.join()
        if process.exitcode:
            log = (self.folder / f"{name}.log").read_text(errors="replace")
            raise RuntimeError(f"{self.scenario.name!r}, {step} of {name}: {log[-2000:]}")

    def _start(self, step: str, name: str, death: Death | None) -> ForkServerProcess:
        arguments = (self.scenario.name, step, str(self.folder / name), death)
        process = self._context.Process(target=_child, args=arguments)
        process.start()
        return process


def _child(scenario: str, step: str, place: str, death: Death | None) -> None:
    folder = Path(place)
    folder.mkdir(exist_ok=True)
    os.chdir(folder)
    log = os.open(f"{place}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    chosen = SCENARIOS[scenario]
    if step == "prepare":
        chosen.prepare(folder)
        return
    if step == "setup":
        chosen.setup()
        return
    watch = Watch(folder, death)
    watch.start()
    if step == "act":
        chosen.act(False)
        if death is None:
            counts = [watch.counts[False], watch.counts[True]]
            Path(f"{place}.counts").write_text(json.dumps(counts))
    else:
        chosen.finish()


def results(scenario: Scenario, place: Path) -> dict[str, bytes]:
    """The files of the result folders by path; config.json without times, records empty."""
    found = {}
    for folder in scenario.results:
        for path in sorted((place / folder).rglob("*")):
            if path.is_file():
                name = re.sub(r"\d{8}T[\d.]+Z", "TIME", path.relative_to(place).as_posix())
                found[name] = _content(path)
    return found


def _content(path: Path) -> bytes:
    if RECORDS.fullmatch(path.name):
        return b""
    if path.name != "config.json":
        return path.read_bytes()
    content: dict[str, Any] = json.loads(path.read_bytes())
    for unlike in ("seconds", "resumed_at"):
        content["found"].pop(unlike)
    return json.dumps([content["found"], content.get("model")]).encode()


def differences(expected: dict[str, bytes], found: dict[str, bytes]) -> list[str]:
    """What is missing, different, too much, or temporary."""
    wrong = [f"missing: {name}" for name in expected if name not in found]
    wrong += [f"different: {n}" for n in expected if n in found and expected[n] != found[n]]
    for name in found.keys() - expected.keys():
        litter = LITTER.fullmatch(name.rpartition("/")[2])
        wrong.append(f"{'litter' if litter else 'too much'}: {name}")
    wrong += [f"litter: {n}" for n in expected if LITTER.fullmatch(n.rpartition("/")[2])]
    return sorted(wrong)


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_PRELOADED))
    return context


@contextmanager
def surroundings(*, remote: bool) -> Iterator[None]:
    """The variables that the processes start with, and a server of S3 objects where needed."""
    before = dict(os.environ)
    os.environ["PYTHONPATH"] = str(ROOT)
    try:
        if not remote:
            yield
            return
        with server() as running:
            os.environ.update(ENVIRONMENT, AWS_ENDPOINT_URL=running.address)
            yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def main() -> None:
    """Parse the command line, kill, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="a part of the names of scenarios")
    parser.add_argument("--out", default=str(Path(__file__).parent / "results" / "faults.csv"))
    args = parser.parse_args()
    chosen = [s for s in SCENARIOS.values() if not args.only or args.only in s.name]
    each = -(-args.trials // len(chosen))
    lost = 0
    with surroundings(remote=True), tempfile.TemporaryDirectory() as scratch:
        for number, scenario in enumerate(chosen):
            row = _row(scenario, Path(scratch) / str(number), each, args.seed)
            lost += each - int(row["survived"])
            write_rows(Path(args.out), [row], COLUMNS)
    sys.exit(1 if lost else 0)


def _row(scenario: Scenario, folder: Path, trials: int, seed: int) -> dict[str, Any]:
    folder.mkdir()
    arena = Arena(scenario, folder)
    killed = survived = 0
    for number in range(trials):
        was_killed, wrong = arena.trial(number, seed)
        killed += was_killed
        survived += not wrong
        for what in wrong:
            print(f"  {scenario.name} #{number}: {what}")
    print(f"{scenario.name}: {survived} of {trials} trials lost nothing, {killed} killed")
    about = environment.describe()
    return {
        "scenario": scenario.name,
        "trials": trials,
        "killed": killed,
        "survived": survived,
        "seed": seed,
        "date": about["date"],
        "commit": about["commit"],
    }


if __name__ == "__main__":
    main()
