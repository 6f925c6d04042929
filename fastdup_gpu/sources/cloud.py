"""Images and archives behind s3:// and minio:// URLs; needs the extra `cloud`."""

from __future__ import annotations

import contextlib
import errno
import logging
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fastdup_gpu._errors import ConnectionLost, InputError, MissingDependency
from fastdup_gpu._progress import Advance, Counting, uncounted
from fastdup_gpu.reading import file_stamp, read_file
from fastdup_gpu.sources.base import ALL, Crop, Found, Part, has_image_extension
from fastdup_gpu.sources.endpoints import is_cloud, parse
from fastdup_gpu.sources.folder import is_junk

if TYPE_CHECKING:
    from fastdup_gpu.sources.archives import ArchiveSource
    from fastdup_gpu.sources.copies import Copies
    from fastdup_gpu.sources.named import NamedArchive
    from fastdup_gpu.sources.s3 import Stores

_PACKAGES = ("s3fs", "fsspec", "botocore", "aiobotocore", "aiohttp")
_AHEAD = 32  # images requested in advance
_LARGE = 8 << 20  # bytes; a larger image is not requested in advance
_AT_ONCE = 32  # copies made at the same time

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wishes:
    """The settings of turi_param for remote files, the folder for copies, the items to read, and
    the progress of copying."""

    work_dir: Path
    sync: bool = False
    delete_tar: bool = False
    delete_img: bool = False
    part: Part = ALL
    counting: Counting = uncounted


def has_remote(names: Sequence[str]) -> bool:
    """Whether any of the names is an s3:// or minio:// URL."""
    return any(map(is_cloud, names))


def find(url: str, *, any_extension: bool = False) -> Found:
    """All images, archives and videos below a bucket or prefix, sorted by code point.

    `url` is treated as a folder. If it is empty, `url` is treated as one object: with
    `any_extension` as an image, which may turn out not to exist. Raises InputError if the server
    does not list it, MissingDependency without s3fs.
    """
    place, found = parse(url), Found(url)
    store = stores().of(place)
    prefix = place.key if place.key == "" or place.key.endswith("/") else f"{place.key}/"
    try:
        for key, etag in store.list(place.bucket, prefix):
            if key.endswith("/") or any(map(is_junk, key.split("/"))):
                continue
            name = place.url(key)
            found.add(name, any_extension=False)
            if has_image_extension(name):
                found.etags[name] = etag
    except (OSError, ConnectionLost) as error:
        raise InputError(
            f"input_dir={url!r} cannot be listed ({getattr(error, 'strerror', None) or error}); "
            "check the bucket, the server and your permissions"
        ) from error
    for kind in (found.pictures, found.archives, found.videos):
        kind.sort()
    nothing = not (found.pictures or found.archives or found.videos)
    if any_extension and prefix != place.key and nothing:
        found.add(url, any_extension=True)
    return found


def open_pictures(
    names: Sequence[str], etags: Mapping[str, str], wishes: Wishes
) -> CloudSource | CopiedSource:
    """Open images of which some or all are remote, with the `etags` that the server listed; copied
    in advance if requested."""
    servers = stores()
    if wishes.sync:
        from fastdup_gpu.sources.copies import Copies

        return CopiedSource(names, Copies(wishes.work_dir), wishes)
    if wishes.delete_img:
        _log.info("delete_img=1: remote images are read without copies, nothing to delete")
    return CloudSource(names, etags, servers, wishes.part)


def open_archives(paths: Sequence[str], wishes: Wishes) -> ArchiveSource:
    """Open archives of which some or all are remote; these are copied to the work_dir.

    Raises InputError if none contains an image, WorkDirError if copies cannot be written.
    """
    stores()
    from fastdup_gpu.sources.copies import Copies
    from fastdup_gpu.sources.remote_archives import RemoteArchives

    return RemoteArchives(paths, Copies(wishes.work_dir), wishes)


def local_files(names: Sequence[str], work_dir: Path, counting: Counting = uncounted) -> list[str]:
    """The names, with remote files copied to the work_dir and replaced by their copies. If a file
    cannot be copied, that is logged, and its name is that of a copy that does not exist."""
    if not has_remote(names):
        return list(names)
    stores()
    from fastdup_gpu.sources.copies import Copies

    copies, local = Copies(work_dir), []
    with counting("copy", len(names)) as advance:
        for name in names:
            local.append(str(copies.try_fetch(name)) if is_cloud(name) else name)
            advance(1, 0)
    return local


def read_by_name(url: str, work_dir: Path | None = None) -> bytes:
    """The bytes of an image by its URL, or by `{URL of an archive}/{member}`; the copy that
    a run has read is used if there is one in its `work_dir`.

    Raises FileNotFoundError if the object or member does not exist, OSError if it cannot be read.
    """
    servers = stores()
    from fastdup_gpu.sources import remote_archives

    if work_dir is not None:
        with contextlib.suppress(FileNotFoundError):
            return remote_archives.read_copy(url, work_dir)
    try:
        return servers.get(url)
    except (FileNotFoundError, PermissionError):
        # Without permission to list a bucket, servers answer 'forbidden' for missing objects.
        if not remote_archives.split(url):
            raise
        return remote_archives.read_member(url)


def locate(url: str, work_dir: Path | None) -> tuple[str, str] | None:
    """The archive in a URL, or its copy in a work_dir, and the member; None if there is none."""
    stores()
    from fastdup_gpu.sources import remote_archives

    return remote_archives.locate(url, work_dir)


def open_archive(url: str) -> NamedArchive:
    """Open an archive outside a run, by a temporary copy; raises OSError if that fails."""
    stores()
    from fastdup_gpu.sources import remote_archives

    return remote_archives.open_archive(url)


class CloudSource:
    """Images read from the server when they are needed, with the next ones requested in advance.

    Local files among the names are read as such.
    """

    sequential = False
    crops: Sequence[Crop] = ()

    def __init__(
        self, names: Sequence[str], etags: Mapping[str, str], servers: Stores, part: Part
    ) -> None:
        self.names = names
        self._etags = etags
        self._stop = part.of(len(names)).stop
        self._servers = servers
        self._lock = threading.Lock()
        self._asked: dict[int, Future[bytes]] = {}
        self._next = 0

    def load(self, index: int) -> bytes:
        """The bytes of image `index`."""
        name = self.names[index]
        if not is_cloud(name):
            return read_file(name)
        asked = self._take(index)
        try:
            return asked.result() if asked else self._servers.get(name)
        except OSError as error:
            if asked is None or error.errno != errno.EOVERFLOW:
                raise
            return self._servers.get(name)

    def path(self, index: int) -> str:
        """The name itself if it is a local file, else ""."""
        name = self.names[index]
        return "" if is_cloud(name) else name

    def stamp(self, index: int) -> bytes:
        """The ETag that the server listed; b"" for an object that the input names itself."""
        name = self.names[index]
        return self._etags.get(name, "").encode() if is_cloud(name) else file_stamp(name)

    def close(self) -> None:
        """Cancel pending requests."""
        with self._lock:
            self._next = len(self.names)
            for asked in self._asked.values():
                asked.cancel()
            self._asked.clear()

    def _take(self, index: int) -> Future[bytes] | None:
        """The request made in advance for image `index`, after requesting the next ones."""
        with self._lock:
            for passed in [i for i in self._asked if i < index - 4 * _AHEAD]:
                self._asked.pop(passed).cancel()
            ahead = range(max(self._next, index), min(index + _AHEAD, self._stop))
            for i in ahead:
                if is_cloud(self.names[i]):
                    self._asked[i] = self._servers.ask(self.names[i], _LARGE)
            self._next = max(self._next, ahead.stop)
            return self._asked.pop(index, None)


class CopiedSource:
    """Images copied to the work_dir before the first one is read (sync_s3_to_local=1).

    Loading an image that could not be copied raises the reason. With delete_img=1, close() deletes
    the copies.
    """

    sequential = False
    crops: Sequence[Crop] = ()

    def __init__(self, names: Sequence[str], copies: Copies, wishes: Wishes) -> None:
        self.names = names
        self._copies, self._forget = copies, wishes.delete_img
        wanted = (names[i] for i in wishes.part.of(len(names)))
        self._remote = list(dict.fromkeys(filter(is_cloud, wanted)))
        self._failed: dict[str, OSError] = {}
        with wishes.counting("copy", len(self._remote)) as advance:
            self._copy(advance)
        copied = len(self._remote) - len(self._failed)
        _log.info("%d of %d remote files are in %s", copied, len(self._remote), copies.folder)

    def _copy(self, advance: Advance) -> None:
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="copies") as pool:
            made = [(url, pool.submit(self._copies.failure, url)) for url in self._remote]
            try:
                for url, copy in made:
                    if error := copy.result():
                        self._failed[url] = error
                    advance(1, bool(error))
            except BaseException:
                self._copies.stop()
                pool.shutdown(cancel_futures=True)
                raise

    def load(self, index: int) -> bytes:
        """The bytes of image `index`."""
        name = self.names[index]
        if name in self._failed:
            raise self._failed[name]
        return read_file(str(self._copies.path(name)) if is_cloud(name) else name)

    def path(self, index: int) -> str:
        """The copy, or the local file."""
        name = self.names[index]
        if name in self._failed:
            return ""
        return str(self._copies.path(name)) if is_cloud(name) else name

    def stamp(self, index: int) -> bytes:
        """The ETag of the copy; b"" if it could not be made or brought up to date."""
        name = self.names[index]
        if name in self._failed:
            return b""
        return self._copies.etag(name).encode() if is_cloud(name) else file_stamp(name)

    def close(self) -> None:
        """Delete the copies if requested."""
        if self._forget:
            self._copies.remove_all(self._remote)


def stores() -> Stores:
    """The servers behind URLs; raises MissingDependency without s3fs."""
    try:
        from fastdup_gpu.sources.s3 import Stores
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in _PACKAGES:
            raise
        raise MissingDependency(
            "input_dir names s3:// or minio:// files, which need the package "
            f"{error.name}: pip install 'fastdup-gpu[cloud]'"
        ) from error
    return Stores()
