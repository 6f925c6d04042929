"""Progress on a terminal: rate, time left, bad files. Silent anywhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

Advance = Callable[[int, int], None]


class Progress:
    """Times the stages of a run and shows the long one on a terminal."""

    def __init__(self, *, show: bool | None = None) -> None:
        self.seconds: dict[str, float] = {}
        terminal = sys.stderr is not None and sys.stderr.isatty()
        self._show = terminal if show is None else show

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the block's wall time to the seconds of stage `name`."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - begin
            self.seconds[name] = round(self.seconds.get(name, 0.0) + spent, 4)

    @contextmanager
    def counting(self, title: str, total: int) -> Iterator[Advance]:
        """A bar over `total` pictures; yields the function (done, bad) that moves it."""
        if not self._show:
            yield lambda done, bad: None
            return
        with _bar() as bar:
            task = bar.add_task(title, total=total, bad=0, rate="")
            bad_so_far = 0

            def advance(done: int, bad: int) -> None:
                nonlocal bad_so_far
                bad_so_far += bad
                speed = bar.tasks[task].speed  # of late: what a resumed run found done is not in it
                rate = "" if speed is None else f"{speed:.0f} images/s"
                bar.update(task, advance=done, bad=bad_so_far, rate=rate)

            yield advance


def _bar() -> Bar:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("bad: {task.fields[bad]}"),
        console=Console(stderr=True),
    )
