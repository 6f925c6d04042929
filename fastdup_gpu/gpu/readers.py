"""The host's side of extraction: images are read and prepared ahead of the GPU."""

from __future__ import annotations

import contextlib
import logging
import mmap
import os
import pickle
import queue
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any

from fastdup_gpu._accel import SWITCH
from fastdup_gpu.gpu.headers import Bytes, Header
from fastdup_gpu.gpu.reader import Read
from fastdup_gpu.gpu.ready import Ready, make_ready, vetted
from fastdup_gpu.protocol import Encoded, PixelPlan

_LOG = logging.getLogger("fastdup_gpu")
# Processes at most: a few read as fast as one GPU decodes, and more help where disks are slow.
_PROCESSES = 8
# Bytes of a block, of which only parts that were written to take memory, and those that stay in
# memory for the next use. Files that do not fit come through a pipe: 2.5 ms of Python for 5 MB.
_ROOM, _STAYS = 512 << 20, 64 << 20
_MAIN = f"from {Read.__module__} import main; main()"  # by import, so that Read can be pickled


@dataclass(frozen=True, slots=True)
class Part:
    """Prepared images; `done` has to be called when their bytes are no longer needed."""

    ready: Sequence[Ready]
    done: Callable[[], None]


class Readers:
    """`threads` threads that prepare images.

    Plain files are read by separate processes (see reader.py) through shared memory; other images,
    or all if no process can be started, by the threads themselves.
    """

    def __init__(self, threads: int, plan: PixelPlan) -> None:
        self._plan = plan
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="read")
        self._idle: queue.SimpleQueue[ReaderProcess | None] = queue.SimpleQueue()
        for _ in range(min(threads, _PROCESSES)):
            self._idle.put(None)  # a process that is not started yet
        self._started: list[ReaderProcess] = []
        self._without = not hasattr(os, "memfd_create") or not sys.executable

    def __enter__(self) -> Readers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        for process in self._started:
            process.close()

    def stop(self) -> None:
        """Start no further work."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def submit(self, items: Sequence[Encoded]) -> Future[Part]:
        """Prepare a few images."""
        return self._pool.submit(self._make, items)

    def _make(self, items: Sequence[Encoded]) -> Part:
        if all(item.path for item in items) and not self._without:
            try:
                return self._by_process(items)
            except (OSError, EOFError, pickle.UnpicklingError) as error:
                self._without = True
                _LOG.warning("images are read without separate processes: %s", error)
        return Part([make_ready(item, self._plan) for item in items], _nothing)

    def _by_process(self, items: Sequence[Encoded]) -> Part:
        process = self._idle.get()
        try:
            if process is None:
                process = ReaderProcess()
                self._started.append(process)
            reads, block = process.read([item.path for item in items])
        finally:
            self._idle.put(process)
        pairs = zip(items, reads, strict=True)
        ready = [vetted(item.index, _loader(read, block), self._plan) for item, read in pairs]
        used = max((read.place + read.size for read in reads if not read.data), default=0)
        return Part(ready, partial(block.free, used))


class ReaderProcess:
    """One process, and the memory that it reads into. Used by one thread at a time."""

    def __init__(self) -> None:
        self._memory = os.memfd_create("fastdup-gpu")
        self._free: deque[Block] = deque()
        self._size = 0
        try:
            self._process = _started(self._memory)
        except OSError:
            os.close(self._memory)
            raise

    def read(self, paths: Sequence[str]) -> tuple[list[Read], Block]:
        """The files, and the block that holds them; raises EOFError if the process has ended."""
        block = self._block()
        requests: Any = self._process.stdin
        pickle.dump((block.start, list(paths)), requests, pickle.HIGHEST_PROTOCOL)
        requests.flush()
        answers: Any = self._process.stdout
        return pickle.load(answers), block

    def close(self) -> None:
        """End the process; blocks remain valid."""
        with contextlib.suppress(OSError):
            self._process.communicate()
        os.close(self._memory)

    def _block(self) -> Block:
        """A free block, or a new one."""
        try:
            return self._free.pop()
        except IndexError:
            start, self._size = self._size, self._size + _ROOM
            os.ftruncate(self._memory, self._size)
            mapped = mmap.mmap(self._memory, _ROOM, offset=start)
            return Block(start, mapped, memoryview(mapped), self._free)


@dataclass(frozen=True, slots=True)
class Block:
    """Memory of a process's file from `start` on, lent until `free`."""

    start: int
    mapped: mmap.mmap
    memory: memoryview
    home: deque[Block]

    def free(self, used: int) -> None:
        """Return it for reuse, after its first `used` bytes were written to."""
        if used > _STAYS:
            self.mapped.madvise(mmap.MADV_REMOVE, _STAYS, used - _STAYS)
        self.home.append(self)


def _started(memory: int) -> subprocess.Popen[bytes]:
    """A process that serves the blocks of the file with descriptor `memory`."""
    path = os.pathsep.join(
        map(os.path.abspath, sys.path)
    )  # "" is the current folder of this process
    return subprocess.Popen(
        [sys.executable, "-P", "-c", _MAIN, str(memory), str(_ROOM)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path, SWITCH: ""},
        pass_fds=(memory,),
    )


def _loader(read: Read, block: Block) -> Callable[[], tuple[Bytes, Header | None]]:
    def load() -> tuple[Bytes, Header | None]:
        if read.error is not None:
            raise read.error
        data = read.data or block.memory[read.place : read.place + read.size]
        return data, read.header

    return load


def _nothing() -> None:
    """The bytes belong to nobody else."""
