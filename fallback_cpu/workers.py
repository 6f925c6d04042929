"""Threads for numpy and scipy calls that release the interpreter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from fastdup_gpu._cpu import cores

# Below this number of rows, passing work to another thread costs more than it saves.
_FEW = 64


def blocks(n: int, size: int) -> Iterator[slice]:
    """Slices of `size` rows that cover n rows; fixed shapes keep rounding the same everywhere."""
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def count(threads: int) -> int:
    """`threads`, or one for each core if it is 0."""
    return threads or cores()


class Workers:
    """A pool of `threads` threads (0 = one for each core)."""

    def __init__(self, threads: int = 0) -> None:
        self.threads = count(threads)
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="neighbors")

    def split(self, n: int, work: Callable[[slice], None]) -> None:
        """Call `work` on slices that together cover n rows, one for each thread."""
        parts = min(self.threads, max(1, n // _FEW))
        if parts == 1:
            work(slice(0, n))
        else:
            cuts = [n * part // parts for part in range(parts + 1)]
            list(self._pool.map(work, map(slice, cuts[:-1], cuts[1:])))

    def each(self, n: int, size: int, work: Callable[[slice], None]) -> None:
        """Call `work` on every block of `size` rows out of n."""
        run = map if n <= size else self._pool.map
        list(run(work, blocks(n, size)))
