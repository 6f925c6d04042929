"""Local copies of remote objects, in a folder in which a later run finds them again."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

from fastdup_gpu._atomic import explained
from fastdup_gpu._errors import WorkDirError
from fastdup_gpu.formats.files import parse_json
from fastdup_gpu.formats.names import COPIES, TMP_DIR
from fastdup_gpu.sources.base import extension, has_image_extension, is_archive, is_video
from fastdup_gpu.sources.endpoints import Place, parse
from fastdup_gpu.sources.s3 import Stores

_log = logging.getLogger(__name__)
_LONGEST = 200  # bytes of one part of a path; file systems take 255
_ODD = frozenset('<>:"|?*\\')


class Copies:
    """Copies below `work_dir/tmp`: `s3/<bucket>/<key>` or `minio/<alias>/<bucket>/<key>`.

    A journal keeps size and etag of each, so that a copy that is up to date is not fetched again.
    A copy gets its name when it is complete. Any thread may use this.
    """

    def __init__(self, work_dir: Path) -> None:
        self.folder = work_dir / TMP_DIR
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        self._read: dict[str, tuple[int, str]] | None = None
        self._asked: set[Future[str | None]] = set()
        self._stopped = False
        self._turns = [threading.Lock() for _ in range(256)]
        self._stores = Stores()

    def path(self, url: str) -> Path:
        """Where the copy of an object is or would be. Keys that could lead outside the folder or
        clash with another key, or that file systems do not accept, become a hash."""
        place = parse(url)
        top = self.folder / place.scheme.removesuffix("://") / place.alias / place.bucket
        if _is_plain(place.key.split("/")):
            return top / place.key
        suffix = extension(place.key)
        digest = hashlib.sha256(place.key.encode("utf-8", "surrogateescape")).hexdigest()
        plain = suffix.isalnum() and suffix.isascii() and len(suffix) < 10
        return top / ".keys" / (f"{digest}.{suffix}" if plain else digest)

    def fetch(self, url: str) -> Path:
        """Copy an object unless its copy is up to date.

        Raises OSError if it cannot be read, WorkDirError if the copy cannot be written.
        """
        place, path = parse(url), self.path(url)
        # The same name in every run, so that nothing of a killed run stays for ever.
        part = path.with_name(f".{path.name}.part")
        with self._turns[hash(path) % len(self._turns)]:
            try:
                etag = self._download(place, path, part)
            finally:
                with contextlib.suppress(OSError):
                    part.unlink()
            if etag is not None:
                self._remember(path, etag)
        return path

    def stop(self) -> None:
        """End all copying in other threads, now and later, with CancelledError."""
        with self._lock:
            self._stopped = True
            for asked in self._asked:
                asked.cancel()

    def failure(self, url: str) -> OSError | None:
        """Copy an object unless its copy is up to date; returns why it cannot be read, or None.
        Raises WorkDirError if the copy cannot be written."""
        try:
            self.fetch(url)
        except WorkDirError:
            raise
        except OSError as error:
            return error
        return None

    def try_fetch(self, url: str) -> Path:
        """Copy an object and return the path of the copy. If that fails, it is logged, and there is
        no copy, not even an older one."""
        if error := self.failure(url):
            _log.error("%r cannot be read: %s", url, error.strerror or error)
            self.remove(url)
        return self.path(url)

    def etag(self, url: str) -> str:
        """The etag of a copy; '' if there is none."""
        return self._etag(self.path(url))

    def remove(self, url: str) -> None:
        """Delete a copy if that is possible."""
        with contextlib.suppress(OSError):
            self.path(url).unlink(missing_ok=True)

    def remove_all(self, urls: Sequence[str]) -> None:
        """Delete copies, and folders that are then empty."""
        for url in urls:
            self.remove(url)
        for folder in {self.path(url).parent for url in urls}:
            with contextlib.suppress(OSError):
                while folder != self.folder:
                    folder.rmdir()
                    folder = folder.parent

    def free(self) -> int:
        """Free bytes on the disk of the copies."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(self.folder).free

    def _download(self, place: Place, path: Path, part: Path) -> str | None:
        store, known = self._stores.of(place), self._etag(path)
        with explained(path):
            part.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as stream:
                etag = self._result(store.copy(place.bucket, place.key, stream, known=known))
                stream.flush()
                os.fsync(stream.fileno())
            if etag is not None:
                part.replace(path)
            return etag

    def _result(self, asked: Future[str | None]) -> str | None:
        """The result of a request that `stop` can cancel."""
        with self._lock:
            self._asked.add(asked)
            if self._stopped:
                asked.cancel()
        try:
            return asked.result()
        finally:
            with self._lock:
                self._asked.discard(asked)

    def _etag(self, path: Path) -> str:
        size, etag = self._known.get(self._relative(path), (-1, ""))
        try:
            return etag if path.stat().st_size == size else ""
        except OSError:
            return ""

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def _remember(self, path: Path, etag: str) -> None:
        entry = (path.stat().st_size, etag)
        with self._lock:
            self._known[self._relative(path)] = entry
            with (self.folder / COPIES).open("a", encoding="ascii") as stream:
                # On a separate line, because a killed run may have left half a line at the end.
                stream.write("\n" + json.dumps([self._relative(path), *entry]) + "\n")

    @property
    def _known(self) -> dict[str, tuple[int, str]]:
        """Size and etag of the copies by path, as in the journal at the first call."""
        with self._reading:
            if self._read is None:
                self._read = self._journal()
            return self._read

    def _journal(self) -> dict[str, tuple[int, str]]:
        known: dict[str, tuple[int, str]] = {}
        try:
            lines = (self.folder / COPIES).read_bytes().splitlines()
        except OSError:
            return known
        for line in lines:
            # A line may be incomplete if a run was killed.
            with contextlib.suppress(ValueError, TypeError, OverflowError):
                name, size, etag = parse_json(line)
                known[str(name)] = (int(size), str(etag))
        return known


def _is_plain(parts: Sequence[str]) -> bool:
    """Whether a key can be used as a path. Only its last part may be named like a file, so that
    no file has the name that another key needs for a folder."""
    *folders, last = parts
    return (
        all(map(_is_ordinary, parts))
        and _is_named_like_a_file(last)
        and not any(map(_is_named_like_a_file, folders))
        and (sys.platform == "linux" or parts == [part.lower() for part in parts])
    )


def _is_named_like_a_file(part: str) -> bool:
    return has_image_extension(part) or is_archive(part) or is_video(part)


def _is_ordinary(part: str) -> bool:
    return (
        part != ""
        and not part.startswith(".")
        and not part.endswith((".", " "))
        and part.isprintable()
        and not _ODD & set(part)
        and len(part.encode("utf-8", "surrogatepass")) <= _LONGEST
    )
