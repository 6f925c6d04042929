"""How the stages of the GPU acceptance run take times, and the rows that hold them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.data import quantiles

Found = dict[str, object]
_ROUNDS = 5
_ENOUGH = 5.0  # seconds after which no further round is begun


@dataclass(frozen=True, slots=True)
class Timed:
    """Seconds of each of several rounds."""

    rounds: Sequence[float]

    @property
    def seconds(self) -> float:
        """The median."""
        return quantiles(self.rounds)[1]

    def columns(self) -> Found:
        """The spread, where there is one."""
        low, _, high = (round(seconds, 4) for seconds in quantiles(self.rounds))
        spread = {"seconds_p20": low, "seconds_p80": high} if len(self.rounds) > 1 else {}
        return {"rounds": len(self.rounds), **spread}


def timed(work: Callable[[], object]) -> Timed:
    """Up to five rounds, after one that compiles, allocates and warms up."""
    work()
    return rounds(work, _ROUNDS, _ENOUGH)


def rounds(work: Callable[[], object], most: int, enough: float) -> Timed:
    """`most` rounds, none begun after `enough` seconds."""
    spent: list[float] = []
    while len(spent) < most and sum(spent) < enough:
        begin = time.perf_counter()
        work()
        spent.append(time.perf_counter() - begin)
    return Timed(spent)


def transferred(compute: str, up: Sequence[Any], down: Sequence[Any]) -> Found:
    """The column of what copying arrays like `up` to the GPU and like `down` back takes by itself;
    no column where there is none, or no memory for it: it must not cost what was measured."""
    if compute != "gpu":
        return {}
    import cupy

    def work() -> None:
        for array in up:
            cupy.asarray(array)
        for array in there:
            cupy.asnumpy(array)
        cupy.cuda.get_current_stream().synchronize()

    try:
        there = [cupy.asarray(array) for array in down]
        return {"transfer_seconds": round(timed(work).seconds, 5)}
    except Exception:  # each library has errors of its own for this
        return {}


def tried(what: str, measure: Callable[[], Found]) -> Found:
    """The row of `measure`, or one that says why there is none: others are still to be measured."""
    try:
        return measure()
    except Exception as error:
        return row(what, 0, 0, "", f"not usable: {error}")


def row(
    what: str,
    size: int,
    spent: float | Timed,
    unit: str,
    note: str = "",
    work: float = 0,
    transfer: Found | None = None,
) -> Found:
    """One result; `work` is what was done in the time, `size` where it is not given. `transfer`:
    of `transferred`."""
    seconds = spent.seconds if isinstance(spent, Timed) else spent
    return {
        "what": what,
        "size": size,
        "seconds": round(seconds, 4),
        **(spent.columns() if isinstance(spent, Timed) else {}),
        **(transfer or {}),
        "rate": round((work or size) / seconds, 3) if seconds else "",
        "unit": unit if seconds else "",
        "note": note,
    }


def filled(*shape: int, kind: Any = np.float32) -> Any:
    """An array like one that a stage copies; of zeros the system would hold a single page."""
    return np.ones(shape, kind)
