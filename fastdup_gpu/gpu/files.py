"""Files written whole: under a temporary name, then renamed; and the user's cache folder."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`; what was written there takes its place at the end."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def saved(path: Path) -> Iterator[str]:
    """A name in UTF-8, which is all that cuVS takes; what it wrote there becomes `path`."""
    with replaced(path) as temporary, utf8(temporary) as name:
        yield name
        if name != str(temporary):
            shutil.copyfile(name, temporary)


@contextmanager
def stored(path: Path) -> Iterator[str]:
    """A name in UTF-8 of `path` or of a copy; raises OSError where it cannot be read."""
    with path.open("rb"), utf8(path) as name:
        if name != str(path):
            shutil.copyfile(path, name)
        yield name


@contextmanager
def utf8(path: Path) -> Iterator[str]:
    """The path itself, or a name in a folder that is gone afterwards."""
    try:
        os.fspath(path).encode("utf-8")
    except UnicodeEncodeError:
        with tempfile.TemporaryDirectory() as folder:
            yield str(Path(folder) / "file")
    else:
        yield str(path)


def cache_folder() -> Path:
    """Where what can be made again is kept: $XDG_CACHE_HOME/fastdup-gpu or the system's like."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    if Path(given).is_absolute():
        return Path(given) / "fastdup-gpu"
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local) / "fastdup-gpu" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "fastdup-gpu"
    return Path.home() / ".cache" / "fastdup-gpu"
