"""Let existing scripts use this package: their `import fastdup` becomes `import fastdup_gpu`.

    python -m fastdup_gpu.accel script.py [arguments]      run a script like this
    python -m fastdup_gpu.accel -m module [arguments]      or a module
    %load_ext fastdup_gpu.accel                            in a notebook, before its imports
    FASTDUP_ACCEL=1                                        for processes that import fastdup_gpu

This is off unless requested in one of these ways; one line on stderr says that it is on. Nothing
on disk is changed, and an installed fastdup works as before in every other process.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from fastdup_gpu._accel import install

USAGE = "usage: python -m fastdup_gpu.accel (SCRIPT | -m MODULE) [ARGUMENT ...]"


def load_ipython_extension(_shell: object) -> None:
    """What `%load_ext fastdup_gpu.accel` calls."""
    install()


def main(argv: list[str]) -> int:
    """Run a script or a module as python itself would; 2 for a wrong command line."""
    if not argv or argv == ["-m"] or argv[0] in ("-h", "--help"):
        print(USAGE, file=sys.stderr)
        return 0 if argv and argv != ["-m"] else 2
    if argv[0] == "-m":
        install()
        sys.argv = argv[1:]
        runpy.run_module(argv[1], run_name="__main__", alter_sys=True)
        return 0
    if not Path(argv[0]).exists():
        print(f"{argv[0]!r} does not exist\n{USAGE}", file=sys.stderr)
        return 2
    install()
    sys.argv = argv
    if not sys.flags.safe_path:
        sys.path[0] = str(Path(argv[0]).resolve().parent)
    runpy.run_path(argv[0], run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
