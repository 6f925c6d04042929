"""Processes that die at a chosen operation on files, as by `kill -9`.

Operations are counted by an audit hook of Python, which libraries in Python and C alike pass
when they open, rename or remove a file through it. A torn write is made by the limit of the
system on the size of files, whose signal ends a process inside of a write, with what fitted on
the disk.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_CHANGES = frozenset(
    "os.rename os.remove os.mkdir os.rmdir os.truncate os.link os.symlink fsync".split()
)
_LOOKS = frozenset(("os.scandir", "os.listdir"))
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
KILLED = (-signal.SIGKILL, -signal.SIGXFSZ)


@dataclass(frozen=True, slots=True)
class Death:
    """Die before operation `at` of the kind `reading` or writing, from 0; where `torn` is not
    None, not there but at the first write after it past so many bytes of a file."""

    at: int
    reading: bool = False
    torn: int | None = None


class Watch:
    """Counts the operations of this process on files below `root`, and dies where it is told."""

    def __init__(self, root: Path, death: Death | None = None) -> None:
        self.counts = {False: 0, True: 0}
        self._root = os.fspath(root.absolute())
        self._death = death
        self._lock = threading.Lock()

    def start(self) -> None:
        """From now on; there is no way back."""
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        setattr(os, "fsync", _announced(os.fsync))  # noqa: B010  mypy knows what it was
        sys.addaudithook(self._see)

    def _see(self, event: str, arguments: tuple[Any, ...]) -> None:
        reading = _is_reading(event, arguments)
        if reading is None or not self._is_below(arguments[0]):
            return
        with self._lock:
            number = self.counts[reading]
            self.counts[reading] += 1
        death = self._death
        if death is not None and (death.reading, death.at) == (reading, number):
            _die(death.torn)

    def _is_below(self, path: object) -> bool:
        try:
            if isinstance(path, int):
                path = os.readlink(f"/proc/self/fd/{path}")  # noqa: PTH115  every operation
            return os.path.abspath(os.fsdecode(path)).startswith(self._root)  # type: ignore[arg-type]  # noqa: PTH100
        except (OSError, TypeError, ValueError):
            return False


def _is_reading(event: str, arguments: tuple[Any, ...]) -> bool | None:
    """Whether an event reads or writes files; None for all others."""
    if event == "open":
        return not int(arguments[2]) & _WRITING
    if event in _LOOKS:
        return True
    return False if event in _CHANGES else None


def _die(torn: int | None) -> None:
    if torn is None:
        os.kill(os.getpid(), signal.SIGKILL)
    else:
        resource.setrlimit(resource.RLIMIT_FSIZE, (torn, torn))


def _announced(fsync: Callable[[Any], None]) -> Callable[[Any], None]:
    """os.fsync has no audit event of its own."""

    def announced(descriptor: Any) -> None:
        sys.audit("fsync", descriptor)
        fsync(descriptor)

    return announced
