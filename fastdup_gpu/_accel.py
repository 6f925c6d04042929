"""Making `import fastdup` mean this package in the running process."""

from __future__ import annotations

import os
import sys

OURS, THEIRS = "fastdup_gpu", "fastdup"
SWITCH = "FASTDUP_ACCEL"


def install() -> None:
    """Make `import fastdup` give fastdup_gpu from now on, and say so in one line on stderr."""
    ours, before = sys.modules[OURS], sys.modules.get(THEIRS)
    if before is ours:
        return
    sys.modules[THEIRS] = ours
    late = "; it was imported before, and what was taken from it stays as it was" if before else ""
    print(f"INFO: 'import fastdup' gives {OURS} {ours.__version__} here{late}", file=sys.stderr)


def install_if_asked() -> None:
    """install() where the environment says FASTDUP_ACCEL=1."""
    if os.environ.get(SWITCH) == "1":
        install()
