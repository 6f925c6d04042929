"""How many threads the matrix products of BLAS take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController


@contextmanager
def at_most(threads: int) -> Iterator[None]:
    """Within, a matrix product takes at most `threads` threads; never more than without.

    It holds for the whole process, so products elsewhere slow down meanwhile.
    """
    blas = _blas()
    if all(library["num_threads"] <= threads for library in blas.info()):
        yield
        return
    with blas.limit(limits=threads):
        yield


@cache
def _blas() -> ThreadpoolController:
    """The BLAS libraries that numpy and scipy have loaded."""
    return ThreadpoolController().select(user_api="blas")
