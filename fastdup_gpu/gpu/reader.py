"""A process that reads files for another and looks at their headers; see readers.py.

A thread gives up Python's lock for each open, read and close, and waits for it behind every other
reader and the threads that feed the GPU. A process of its own waits for nobody. It imports next to
nothing, so that many of them start quickly and weigh little.
"""

from __future__ import annotations

import mmap
import pickle
import signal
import sys
from collections.abc import Sequence
from typing import NamedTuple

from fastdup_gpu.gpu.headers import Header, jpeg_header
from fastdup_gpu.reading import read_into


class Read(NamedTuple):
    """One file: `size` bytes from `place` of the block on, or `data` where they did not fit."""

    place: int
    size: int
    header: Header | None
    data: bytes = b""
    error: OSError | MemoryError | None = None


def read_all(paths: Sequence[str], room: memoryview) -> list[Read]:
    """Read files one behind the other into `room`."""
    reads, place = [], 0
    for path in paths:
        reads.append(_read(path, place, room))
        place += reads[-1].size if not reads[-1].data else 0
    return reads


def _read(path: str, place: int, room: memoryview) -> Read:
    try:
        got = read_into(path, room[place:])
    except (OSError, MemoryError) as error:
        return Read(place, 0, None, error=error)
    if isinstance(got, bytes):
        return Read(-1, len(got), jpeg_header(got), got)
    return Read(place, got, jpeg_header(room[place : place + got]))


def main() -> None:
    """Answer requests (start of a block, paths) from stdin on stdout, until stdin ends.

    The memory file with descriptor argv[1] holds blocks of argv[2] bytes.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the other process's business
    descriptor, room = int(sys.argv[1]), int(sys.argv[2])
    blocks: dict[int, memoryview] = {}
    while True:
        try:
            start, paths = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        if start not in blocks:
            blocks[start] = memoryview(mmap.mmap(descriptor, room, offset=start))
        reads = read_all(paths, blocks[start])
        pickle.dump(reads, sys.stdout.buffer, pickle.HIGHEST_PROTOCOL)
        sys.stdout.buffer.flush()
