"""Warm-up: a little of the work of a run, done in advance on a separate thread.

The first decode, launch or search opens libraries, loads code onto the GPU, and compiles kernels
that are not in a cache. Most of that releases Python's lock, so it can happen while the run lists
files, opens its model, or waits for the GPU.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import numpy as np
import simplejpeg

from fastdup_gpu.gpu import devices, graph, neighbors
from fastdup_gpu.protocol import Encoded, SearchPlan

_LOG = logging.getLogger("fastdup_gpu")
_PICTURES, _SIDE = 4, 512
_ROWS = 256
_PAIRS = np.array([0, 1]), np.array([1, 2])

_BEGUN: set[tuple[int, str]] = set()


def rehearse(device: int, part: str, *acts: Callable[[], object]) -> threading.Thread | None:
    """Start `acts`, one after the other, none after the end of the program; None if this process
    has already done so for `part`.

    Errors are not reported here: they occur again, and are reported, where the part is needed.
    """
    if (device, part) in _BEGUN:
        return None
    _BEGUN.add((device, part))

    def play() -> None:
        try:
            devices.use(device)
            for act in acts:
                if threading.main_thread().is_alive():
                    act()
        except Exception as error:
            _LOG.debug("a rehearsal broke off: %s", error)

    thread = threading.Thread(target=play, name="rehearsal")
    thread.start()
    return thread


def some_pictures() -> list[Encoded]:
    """JPEGs of one colour."""
    encoded: bytes = simplejpeg.encode_jpeg(np.full((_SIDE, _SIDE, 3), 128, np.uint8))
    return [Encoded(i, lambda: encoded) for i in range(_PICTURES)]


def search(dim: int) -> None:
    """The search of a run with default arguments, among few rows."""
    rows = np.random.default_rng(0).standard_normal((_ROWS, dim), np.float32)
    neighbors.build_index(rows, SearchPlan()).search(rows, 2, exclude_self=True)


def graphs() -> None:
    """Components and PageRank of three vertices."""
    graph.components(3, *_PAIRS)
    graph.pagerank(3, *_PAIRS, np.ones(2))
