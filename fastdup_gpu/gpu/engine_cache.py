"""Built engines in the user's cache folder: keyed by what they depend on, checked when read."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fastdup_gpu._atomic import replaced

_LOG = logging.getLogger("fastdup_gpu")
_MAGIC = b"fastdup-gpu engine 1\n"
_DIGEST = 64  # hexadecimal digits of the payload's SHA-256


@dataclass(frozen=True, slots=True)
class EngineKey:
    """Everything that an engine depends on; any change gives another file."""

    model: str
    gpu: str
    library: str
    precision: str
    profile: tuple[int, ...]

    def path(self) -> Path:
        """The engine's file."""
        text = json.dumps(asdict(self), sort_keys=True)
        return cache_folder() / "engines" / f"{hashlib.sha256(text.encode()).hexdigest()}.engine"


def cached(key: EngineKey, build: Callable[[], bytes]) -> bytes:
    """The stored engine, or a new one, which is then stored; a damaged file is replaced.

    If the cache cannot be written, a warning is logged and the next run builds the engine again.
    """
    found = read(key)
    if found is not None:
        return found
    payload = build()
    try:
        write(key, payload)
    except OSError as error:
        _LOG.warning(
            "the engine cache cannot be written, so every run builds the engine again: %s", error
        )
    return payload


def read(key: EngineKey) -> bytes | None:
    """The stored engine; None if there is none or it is damaged."""
    try:
        stored = key.path().read_bytes()
    except OSError:
        return None
    start = len(_MAGIC) + _DIGEST
    digest, payload = stored[len(_MAGIC) : start], stored[start:]
    if not stored.startswith(_MAGIC) or hashlib.sha256(payload).hexdigest().encode() != digest:
        _LOG.warning("%s is damaged; the engine is built again", key.path())
        return None
    return payload


def write(key: EngineKey, payload: bytes) -> None:
    """Store an engine under its key, completely or not at all."""
    path = key.path()
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced(path) as temporary:
        digest = hashlib.sha256(payload).hexdigest().encode()
        temporary.write_bytes(_MAGIC + digest + payload)


def forget(key: EngineKey) -> None:
    """Remove an engine that the library refuses."""
    key.path().unlink(missing_ok=True)


def verdict(key: EngineKey, judge: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The stored result of `judge` for an engine; `judge` is called if there is none."""
    found = read(key)
    if found is not None:
        stored: dict[str, Any] = json.loads(found)
        return stored
    judged = judge()
    cached(key, lambda: json.dumps(judged).encode())
    return judged


def cache_folder() -> Path:
    """The folder for caches: $XDG_CACHE_HOME/fastdup-gpu, or the equivalent of the system."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    if Path(given).is_absolute():
        return Path(given) / "fastdup-gpu"
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local) / "fastdup-gpu" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "fastdup-gpu"
    return Path.home() / ".cache" / "fastdup-gpu"
