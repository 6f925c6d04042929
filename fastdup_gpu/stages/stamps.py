"""Whether a picture is still the one that an earlier run read."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import islice

# Of so many names the first few are looked up one by one; where that takes long, as over a
# network, the rest by threads, which on a local disk would only be in each other's way.
_NAMES, _FEW, _SLOW = 8192, 32, 1e-4
_THREADS = 32


def stamps(names: Iterable[str]) -> Iterator[bytes]:
    """Size and time of the file behind each name (of the archive, for a member), b"" if none.

    Each folder or archive above a missing file is looked at once a call, and anew in the next.
    """
    archive = lru_cache(4096)(_archive_stamp)

    def stamp(name: str) -> bytes:
        return _stamp(name) or archive(os.path.dirname(name))  # noqa: PTH120

    left = iter(names)
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="stamps") as pool:
        while some := list(islice(left, _NAMES)):
            begin = time.perf_counter()
            yield from [stamp(name) for name in some[:_FEW]]
            slow = time.perf_counter() - begin > _SLOW * _FEW
            yield from (pool.map if slow else map)(stamp, some[_FEW:])


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
