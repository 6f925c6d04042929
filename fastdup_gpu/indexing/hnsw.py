"""HNSW indices of both backends: files of hnswlib, searched on the host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastdup_gpu._errors import FormatError
from fastdup_gpu.indexing.approximate import doubling
from fastdup_gpu.indexing.files import stored
from fastdup_gpu.indexing.hnsw_file import check_graph
from fastdup_gpu.protocol import F32

SUFFIX = ".hnsw"
BLOCK = 16_384  # rows at a time
_LEAST_EF, _MOST_EF = 32, 512


def efforts() -> Iterator[int]:
    """Values of ef to try."""
    return doubling(_LEAST_EF, _MOST_EF)


@contextmanager
def stored_graph(path: Path, features: F32) -> Iterator[str]:
    """The name of the graph file of the index `path`, as hnswlib accepts it, after checking that
    the file is complete and of these features; any error in reading it becomes a FormatError."""
    file = path.with_name(path.name + SUFFIX)
    try:
        check_graph(file, *features.shape)
        with stored(file) as name:
            yield name
    except MemoryError:
        raise
    except Exception as error:  # the libraries raise errors of many kinds
        raise FormatError(
            f"{file} is not a valid hnsw index ({error}); run again to rebuild it."
        ) from error
