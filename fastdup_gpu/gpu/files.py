"""The user's cache folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """The folder for caches: $XDG_CACHE_HOME/fastdup-gpu, or the equivalent of the system."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    if Path(given).is_absolute():
        return Path(given) / "fastdup-gpu"
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local) / "fastdup-gpu" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "fastdup-gpu"
    return Path.home() / ".cache" / "fastdup-gpu"
