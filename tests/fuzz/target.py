"""What a fuzz target is, and the property that each of its executions has to have."""

from __future__ import annotations

import contextlib
import resource
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fastdup_gpu import FastdupError

CUT = b"\n--8<--\n"  # between the files of an input that is more than one


class Broken(Exception):
    """The property does not hold."""


@dataclass(frozen=True)
class Target:
    """`call(data, folder)` reads `data`, with an empty folder of its own to work in.

    It may return, or raise one of `errors`. `tokens`: words of the format, for the mutations.
    `memory`: how many MiB one execution may add to the largest size of the process. `needs`: a
    package. `weight`: how many times slower than most it is.
    """

    name: str
    seeds: Callable[[], list[bytes]]
    call: Callable[[bytes, Path], object]
    tokens: tuple[bytes, ...] = ()
    errors: tuple[type[Exception], ...] = (FastdupError,)
    memory: int = 300
    needs: str = ""
    weight: int = 1


def execute(target: Target, data: bytes, root: Path) -> None:
    """Run one input in `root`/work; raises what the target must not raise, or Broken."""
    folder = root / "work"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    before = _peak()
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # numpy tells of numbers that are none
        with contextlib.suppress(*target.errors):
            target.call(data, folder)
    grown = _peak() - before
    if grown > target.memory << 10:
        raise Broken(f"memory grew by {grown >> 10} MiB, more than {target.memory}")
    if strangers := {path.name for path in root.iterdir()} - {"work"}:
        raise Broken(f"it wrote outside of its folder: {strangers}")


def parts(data: bytes, count: int) -> list[bytes]:
    """The files in one input."""
    found = data.split(CUT, count - 1)
    return found + [b""] * (count - len(found))


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
