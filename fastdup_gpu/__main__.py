"""`python -m fastdup_gpu`: the same as the command fastdup-gpu."""

from __future__ import annotations

import sys

from fastdup_gpu.cli import main

if __name__ == "__main__":
    sys.exit(main())
