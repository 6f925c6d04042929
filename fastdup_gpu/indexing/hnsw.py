"""What an HNSW index is to both backends: files of hnswlib, searched on the host."""

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
    """The file of the graph that belongs to the index `path`, as its library takes a name, once it
    was found to be whole and of these features; whatever fails in reading it is a FormatError."""
    file = path.with_name(path.name + SUFFIX)
    try:
        check_graph(file, *features.shape)
        with stored(file) as name:
            yield name
    except MemoryError:
        raise
    except Exception as error:  # the libraries raise errors of many kinds
        raise FormatError(
            f"{file} is no stored hnsw index ({error}); run again to make it."
        ) from error
