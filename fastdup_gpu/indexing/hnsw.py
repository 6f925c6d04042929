"""What an HNSW index is to both backends: files of hnswlib, searched on the host."""

from __future__ import annotations

from collections.abc import Iterator

from fastdup_gpu.indexing.approximate import doubling

SUFFIX = ".hnsw"
BLOCK = 16_384  # rows at a time
_LEAST_EF, _MOST_EF = 32, 512


def efforts() -> Iterator[int]:
    """Values of ef to try."""
    return doubling(_LEAST_EF, _MOST_EF)
