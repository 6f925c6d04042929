"""Progress in a terminal or a notebook: stage, rate, time left, bad files. Silent elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from fastdup_gpu import _notebook

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

Advance = Callable[[int, int], None]
# (title, total) -> a context for work on `total` items, which yields a function (done, bad).
Counting = Callable[[str, int], AbstractContextManager[Advance]]


@contextmanager
def uncounted(title: str, total: int) -> Iterator[Advance]:
    """A Counting that shows nothing."""
    yield _advance_nothing


class Progress:
    """Times the stages of a run and shows their progress: on a terminal by bars, in a notebook by
    one line."""

    def __init__(self, *, show: bool | None = None) -> None:
        self.seconds: dict[str, float] = {}
        self._show = _on_terminal() if show is None else show
        self._bar: Bar | None = None
        display = None if self._show else _notebook.displays()
        self._line = None if display is None else _notebook.Line(display)
        self._told = ""  # what stays in that line

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the block's wall time to the seconds of stage `name`."""
        begin = time.perf_counter()
        try:
            with self._shown(name):
                yield
        finally:
            spent = time.perf_counter() - begin
            self.seconds[name] = round(self.seconds.get(name, 0.0) + spent, 4)

    @contextmanager
    def counting(self, title: str, total: int) -> Iterator[Advance]:
        """A bar over `total` items, inside a stage; yields the function (done, bad) that advances
        it, to be called by one thread."""
        if self._bar is not None:
            yield _on_bar(self._bar, title, total)
        elif self._line is not None:
            yield self._in_line(self._line, title, total)
        else:
            yield _advance_nothing

    @contextmanager
    def _shown(self, name: str) -> Iterator[None]:
        """A moving line during the stage. A bar that counts replaces it and stays afterwards."""
        if self._line is not None:
            self._line.show(f"{name} ...", now=True)
            try:
                yield
            finally:
                self._line.show(self._told, now=True)
        elif self._show:
            with _bar() as bar:
                self._bar = bar
                bar.add_task(name, total=None, told="")
                try:
                    yield
                finally:
                    self._bar = None
                    bar.live.transient = not any(task.total for task in bar.tasks)
        else:
            yield

    def _in_line(self, line: _notebook.Line, title: str, total: int) -> Advance:
        begin = time.monotonic()
        done_so_far = bad_so_far = 0

        def advance(done: int, bad: int) -> None:
            nonlocal done_so_far, bad_so_far
            done_so_far, bad_so_far = done_so_far + done, bad_so_far + bad
            speed = done_so_far / max(time.monotonic() - begin, 1e-9)
            self._told = f"{title}: {_counts(done_so_far, total, speed, bad_so_far)}"
            line.show(self._told)

        return advance


def _advance_nothing(done: int, bad: int) -> None:
    """Show nothing."""


def _counts(done: float, total: int, speed: float | None, bad: int) -> str:
    rate = "" if speed is None else f", {speed:,.0f}/s"
    return f"{done:,.0f} of {total:,}{rate}, bad: {bad:,}"


def _on_terminal() -> bool:
    """Whether stderr is a terminal, not whatever a program has put in its place."""
    try:
        return bool(sys.stderr.isatty())
    except (AttributeError, ValueError):  # it has no such method, or is closed
        return False


def _on_bar(bar: Bar, title: str, total: int) -> Advance:
    """Replace the line of the stage by a bar; returns the function that advances it."""
    for other in bar.tasks:
        bar.update(other.id, visible=other.total is not None)
    line = bar.add_task(title, total=total, told="")
    task = next(task for task in bar.tasks if task.id == line)
    bad_so_far = 0

    def advance(done: int, bad: int) -> None:
        nonlocal bad_so_far
        bad_so_far += bad
        # The recent speed, which does not count what an earlier run had done.
        told = _counts(task.completed + done, total, task.speed, bad_so_far)
        bar.update(line, advance=done, told=told)

    return advance


def _bar() -> Bar:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[told]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        redirect_stdout=False,
    )
