"""Detects a running notebook, and shows a line of text in the output of its cell."""

from __future__ import annotations

import sys
import time
from typing import Any

_PAUSE = 0.25  # seconds between two updates of a line


def displays() -> Any:
    """The module IPython.display if a notebook's kernel runs this, else None."""
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None or not hasattr(shell, "kernel"):
        return None
    return sys.modules.get("IPython.display")


class Line:
    """A line of text that is updated in place."""

    def __init__(self, display: Any) -> None:
        self._handle = display.display(_plain(""), raw=True, display_id=True)
        self._next = 0.0

    def show(self, text: str, *, now: bool = False) -> None:
        """Show the text; updates that come too fast are skipped, unless `now` is set."""
        moment = time.monotonic()
        if now or moment >= self._next:
            self._next = moment + _PAUSE
            self._handle.update(_plain(text), raw=True)


def _plain(text: str) -> dict[str, str]:
    return {"text/plain": text}
