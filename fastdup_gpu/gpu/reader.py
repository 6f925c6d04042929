"""A process that reads files for another and parses their headers; see readers.py.

A thread releases Python's lock for each open, read and close, and then waits for it behind every
other reader and the threads that feed the GPU. A separate process does not wait. It imports almost
nothing, so that many of them start quickly and need little memory.
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
    """One file: `size` bytes from `place` in the block, or `data` if they did not fit."""

    place: int
    size: int
    header: Header | None
    data: bytes = b""
    error: OSError | MemoryError | None = None


def read_all(paths: Sequence[str], room: memoryview) -> list[Read]:
    """Read files one after the other into `room`."""
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
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other process handles Ctrl-C
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
