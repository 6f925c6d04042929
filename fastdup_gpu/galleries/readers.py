"""Reads the images of a page: by their names, or where they are now."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from fastdup_gpu.analysis.places import placed_by
from fastdup_gpu.sources.base import is_remote
from fastdup_gpu.sources.by_name import Located, locate, read_by_name


class Reader:
    """The bytes of images by name.

    A name is looked up where the run found it (a remote one first among the copies in `work_dir`),
    then inside `input_dir`: by its whole path, then by its last parts, so that
    `some/shard.tar/member.jpg` is found in a folder of tars; then in the current folder.
    """

    def __init__(
        self, input_dir: str | os.PathLike[str] | None = None, work_dir: Path | None = None
    ) -> None:
        self._input_dir = input_dir
        self._work_dir = work_dir
        self._path_of = placed_by(work_dir)

    def __call__(self, name: str) -> bytes:
        """The bytes of an image; raises OSError if it is not found."""
        try:
            return read_by_name(self._path_of(name), self._work_dir)
        except OSError as error:
            for other in self._elsewhere(name):
                with contextlib.suppress(OSError):
                    return read_by_name(other, self._work_dir)
            raise error

    def locate(self, name: str) -> Located | None:
        """The archive that a name refers to, for `stored_order`; local ones are preferred."""
        found = locate(self._path_of(name), self._work_dir)
        if found is not None and not is_remote(found[0]):
            return found
        others = (locate(other, self._work_dir) for other in self._elsewhere(name))
        return next(filter(None, others), found)

    def _elsewhere(self, name: str) -> Iterator[str]:
        if self._input_dir is not None:
            parts = name.replace(os.sep, "/").strip("/").split("/")
            for start in range(len(parts)):
                yield "/".join([os.fspath(self._input_dir), *parts[start:]])
        yield name
