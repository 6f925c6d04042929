"""Make `import fastdup` import this package in the running process."""

from __future__ import annotations

import os
import sys

OURS, THEIRS = "fastdup_gpu", "fastdup"
SWITCH = "FASTDUP_ACCEL"


def install() -> None:
    """Make `import fastdup` return fastdup_gpu from now on, and say so in one line on stderr."""
    ours, before = sys.modules[OURS], sys.modules.get(THEIRS)
    if before is ours:
        return
    sys.modules[THEIRS] = ours
    late = "; fastdup was imported before, and names taken from it do not change" if before else ""
    print(f"INFO: 'import fastdup' now imports {OURS} {ours.__version__}{late}", file=sys.stderr)


def install_if_asked() -> None:
    """Call install() if the environment variable FASTDUP_ACCEL is 1."""
    if os.environ.get(SWITCH) == "1":
        install()
