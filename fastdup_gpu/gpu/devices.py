"""Work on the chosen GPU from any thread: CUDA has a current device for each thread."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastdup_gpu.protocol import F32, Index, Neighbors


def use(device: int) -> None:
    """Make GPU `device` the current one of this thread."""
    import cupy

    cupy.cuda.Device(device).use()


class OnDevice:
    """An index that is searched and saved on its own GPU. See fastdup_gpu.protocol.Index."""

    def __init__(self, index: Index, device: int) -> None:
        self._index, self._device = index, device
        self.kind = index.kind

    def search(self, queries: F32, k: int, *, exclude_self: bool = False) -> Neighbors:
        """The k best base rows of every query."""
        use(self._device)
        return self._index.search(queries, k, exclude_self=exclude_self)

    def save(self, path: Path) -> dict[str, Any]:
        """Write what is needed beside the features; returns header fields."""
        use(self._device)
        return self._index.save(path)
