"""Files of libraries that accept only names in UTF-8."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastdup_gpu._atomic import replaced


@contextmanager
def saved(path: Path) -> Iterator[str]:
    """A name in UTF-8 to write to; the file then becomes `path`."""
    with replaced(path) as temporary, _utf8(temporary) as name:
        yield name
        if name != str(temporary):
            shutil.copyfile(name, temporary)


@contextmanager
def stored(path: Path) -> Iterator[str]:
    """A name in UTF-8 for `path` or for a copy of it; raises OSError if it cannot be read."""
    with path.open("rb"), _utf8(path) as name:
        if name != str(path):
            shutil.copyfile(path, name)
        yield name


@contextmanager
def _utf8(path: Path) -> Iterator[str]:
    """The path itself, or a name in a temporary folder."""
    try:
        os.fspath(path).encode("utf-8")
    except UnicodeEncodeError:
        with tempfile.TemporaryDirectory() as folder:
            yield str(Path(folder) / "file")
    else:
        yield str(path)
