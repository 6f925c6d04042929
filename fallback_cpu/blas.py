"""Limits the threads of BLAS for matrix products."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController


@contextmanager
def at_most(threads: int) -> Iterator[None]:
    """Limit matrix products to `threads` threads within the context; never raises the number.

    The limit applies to the whole process, so products in other threads slow down meanwhile.
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
