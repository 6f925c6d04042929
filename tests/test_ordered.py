"""Results in order, from bounded work of other threads."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import pytest

from fastdup_gpu._ordered import in_order


def test_results_keep_the_order_of_the_items():
    def slow_first(i: int) -> int:
        time.sleep(0.002 * (5 - i % 5))
        return i * i

    with ThreadPoolExecutor(4) as pool:
        found = list(in_order(partial(pool.submit, slow_first), range(40), 6))
    assert found == [i * i for i in range(40)]


def test_no_more_items_are_taken_than_ahead():
    taken = 0

    def counted():
        nonlocal taken
        for i in range(50):
            taken += 1
            yield i

    def done(i: int) -> Future[int]:
        future: Future[int] = Future()
        future.set_result(i)
        return future

    for at, value in enumerate(in_order(done, counted(), 3)):
        assert value == at
        assert taken <= at + 3


def test_what_has_not_begun_is_cancelled_where_the_reader_stops():
    begun, failed = [], threading.Event()

    def work(i: int) -> int:
        begun.append(i)
        if i == 1:
            raise ValueError("the second")
        assert i < 1 or failed.wait(30)
        return i

    with ThreadPoolExecutor(1) as pool:
        results = in_order(partial(pool.submit, work), range(20), 8)
        assert next(results) == 0
        with pytest.raises(ValueError, match="the second"):
            next(results)
        failed.set()
    assert begun in ([0, 1], [0, 1, 2])
