"""Results of other threads, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_order(
    submit: Callable[[T], Future[R]], items: Iterable[T], ahead: int | Callable[[], int]
) -> Iterator[R]:
    """The results of `submit` for each item, in order of the items.

    An item is taken for each result consumed: at most `ahead` of them, a number that may change,
    are in progress or waiting. If the iteration ends early, those that have not started are
    cancelled.
    """
    most = ahead if callable(ahead) else lambda: ahead
    pending: deque[Future[R]] = deque()
    try:
        for item in items:
            pending.append(submit(item))
            while len(pending) >= most():
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()
