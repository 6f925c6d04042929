"""Whether a picture is still the one that an earlier run read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import lru_cache


def stamps(names: Iterable[str]) -> Iterator[bytes]:
    """Size and time of the file behind each name (of the archive, for a member), b"" if none.

    Each folder or archive above a missing file is looked at once a call, and anew in the next.
    """
    archive = lru_cache(4096)(_archive_stamp)
    for name in names:
        yield _stamp(name) or archive(os.path.dirname(name))  # noqa: PTH120


def _stamp(name: str) -> bytes:
    try:
        found = os.stat(name)  # noqa: PTH116  called for every picture
    except (OSError, ValueError):
        return b""
    return b"%d %d" % (found.st_size, found.st_mtime_ns)


def _archive_stamp(folder: str) -> bytes:
    path, below = folder, ""
    while path != below:  # a root is its own parent: "/", "//", "C:\\", and "" of a relative name
        if os.path.isfile(path):  # noqa: PTH113
            return _stamp(path)
        path, below = os.path.dirname(path), path  # noqa: PTH120
    return b""
