"""Exhaustive search by cuVS: the fast first pass for distances that are not matrix products."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Coarse:
    """Candidates of a fast search: `values` f32[m, c], larger is nearer, `places` i64[m, c].

    No true value differs from the coarse one by more than `slack` f32[m], which is nan for
    rows without such a bound.
    """

    values: Any
    places: Any
    slack: Any


class BruteForce:
    """cuVS brute force over device rows; `search` returns negative distances, and places."""

    def __init__(self, rows: Any, metric: str) -> None:
        from cuvs.neighbors import brute_force as cuvs

        self._rows = rows  # the index refers to them
        self._stream, self._handle = None, None
        handle = self._resources()
        self._index = cuvs.build(rows, metric=metric, resources=handle)
        handle.sync()

    def search(self, queries: Any, keep: int) -> tuple[Any, Any]:
        """(values f32[m, keep], places i64[m, keep]); keep is at most the number of rows."""
        import cupy
        from cuvs.neighbors import brute_force as cuvs

        handle = self._resources()
        distances, places = cuvs.search(self._index, queries, keep, resources=handle)
        handle.sync()
        return -cupy.asarray(distances), cupy.asarray(places).astype("int64")

    def _resources(self) -> Any:
        """Those of the last call if the stream is the same: each holds a cuBLAS handle, and opening
        one takes longer than searching a block of queries."""
        import cupy

        stream = cupy.cuda.get_current_stream().ptr
        if self._handle is None or stream != self._stream:
            self._stream, self._handle = stream, resources()
        return self._handle


def resources() -> Any:
    """cuVS resources on CuPy's current stream; the caller calls their sync().

    If that is the default stream, cuVS takes the per-thread one; the two wait for each other's
    work.
    """
    import cupy
    from cuvs.common import Resources

    return Resources(stream=cupy.cuda.get_current_stream().ptr)
