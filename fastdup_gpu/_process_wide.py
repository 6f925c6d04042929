"""Temporary changes of process-wide settings, for work in any number of threads."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager


class ProcessWide:
    """A change of such settings, for a `with` around the work: the first thread that enters makes
    it, the last one that leaves restores the previous settings, in whatever order they do so."""

    def __init__(self, change: Callable[[], AbstractContextManager[None]]) -> None:
        self._change = change
        self._lock = threading.Lock()
        self._entered = 0
        self._undo = contextlib.ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if not self._entered:
                self._undo.enter_context(self._change())
            self._entered += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._entered -= 1
            if not self._entered:
                self._undo.close()


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


# Shared, because two independent changes of one setting would restore each other's value.
pillow_unwarned = ProcessWide(_without_warnings)
