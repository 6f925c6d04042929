"""Whether a picture is still the one that an earlier run read."""

from __future__ import annotations

import os
from functools import lru_cache


def stamp(name: str) -> bytes:
    """Size and time of the file behind a name (of the archive, for a member), b"" if none."""
    try:
        found = os.stat(name)  # noqa: PTH116  called for every picture
    except (OSError, ValueError):
        return _archive_stamp(os.path.dirname(name))  # noqa: PTH120
    return b"%d %d" % (found.st_size, found.st_mtime_ns)


@lru_cache(4096)
def _archive_stamp(path: str) -> bytes:
    while path and path != os.sep:
        if os.path.isfile(path):  # noqa: PTH113
            return stamp(path)
        path = os.path.dirname(path)  # noqa: PTH120
    return b""
