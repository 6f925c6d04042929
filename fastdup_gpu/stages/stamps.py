"""Stamps that show whether images are unchanged since an earlier run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from fastdup_gpu.formats.items import Digests, digests_of, identity
from fastdup_gpu.sources.base import Source

# In each block of _MANY images, the first _FEW are looked up one by one. If that is slow, as over a
# network, threads look up the rest; on a local disk, threads would only slow each other down.
_MANY, _FEW, _SLOW = 8192, 32, 1e-4
_THREADS = 32


def stamps(source: Source, wanted: range) -> Iterator[bytes]:
    """The stamp (`Source.stamp`) of each of the wanted images, in order."""
    left = iter(wanted)
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="stamps") as pool:
        while some := list(islice(left, _MANY)):
            begin = time.perf_counter()
            yield from [source.stamp(i) for i in some[:_FEW]]
            slow = time.perf_counter() - begin > _SLOW * _FEW
            yield from (pool.map if slow else map)(source.stamp, some[_FEW:])


def digests(source: Source, wanted: range) -> Digests:
    """128 bits of name and stamp of each wanted image."""
    return digests_of(identities(source, wanted))


def identities(source: Source, wanted: range) -> Iterator[bytes]:
    """Name and stamp of each wanted image."""
    for i, stamp in zip(wanted, stamps(source, wanted), strict=True):
        yield identity(source.names[i], stamp)
