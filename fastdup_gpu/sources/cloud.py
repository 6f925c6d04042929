"""Pictures and archives behind s3:// and minio:// URLs; needs the extra `cloud`."""

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
_AHEAD = 32  # pictures asked for before their turn
_LARGE = 8 << 20  # bytes; a larger picture is read when it is its turn
_AT_ONCE = 32  # copies made at the same time

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What turi_param says about remote files, where copies go, which items are wanted, and who
    is told how copying goes on."""

    work_dir: Path
    sync: bool = False
    delete_tar: bool = False
    delete_img: bool = False
    part: Part = ALL
    counting: Counting = uncounted


def has_remote(names: Sequence[str]) -> bool:
    """Whether some of the names are s3:// or minio:// URLs."""
    return any(map(is_cloud, names))


def find(url: str, *, any_extension: bool = False) -> Found:
    """Every picture, archive and video below a bucket or prefix, sorted by code point.

    `url` is taken as a folder, and where there is nothing below it as one object: with
    `any_extension` as a picture, which may turn out to be missing. Raises InputError where the
    server does not list it, MissingDependency without s3fs.
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
            "check the bucket, the server and your rights"
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
    """Pictures of which some or all are remote, with the `etags` that the server listed; copied
    ahead where that is wished."""
    servers = stores()
    if wishes.sync:
        from fastdup_gpu.sources.copies import Copies

        return CopiedSource(names, Copies(wishes.work_dir), wishes)
    if wishes.delete_img:
        _log.info("delete_img=1: remote pictures are read without copies, nothing to delete")
    return CloudSource(names, etags, servers, wishes.part)


def open_archives(paths: Sequence[str], wishes: Wishes) -> ArchiveSource:
    """Archives of which some or all are remote, copied to the work_dir to be read.

    Raises InputError where none holds a picture, WorkDirError where there is no room for copies.
    """
    stores()
    from fastdup_gpu.sources.copies import Copies
    from fastdup_gpu.sources.remote_archives import RemoteArchives

    return RemoteArchives(paths, Copies(wishes.work_dir), wishes)


def local_files(names: Sequence[str], work_dir: Path, counting: Counting = uncounted) -> list[str]:
    """The names, remote ones copied to the work_dir and replaced by their copies; one that cannot
    be copied is named as a copy that does not exist, and logged."""
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
    """The bytes of a picture by its URL, or by `{URL of an archive}/{member}`; a copy in the
    `work_dir` of a run is used where there is one.

    Raises FileNotFoundError where there is no such object or member, OSError where it cannot be
    read.
    """
    servers = stores()
    from fastdup_gpu.sources import remote_archives

    if work_dir is not None:
        with contextlib.suppress(FileNotFoundError):
            return remote_archives.read_copy(url, work_dir)
    found = remote_archives.split(url)
    try:
        return servers.get(url)
    except (FileNotFoundError, PermissionError):
        # Without the right to list a bucket, what is not there is forbidden.
        if found is None:
            raise
        archive, member = found
        return remote_archives.open_archive(archive).read(member)


def locate(url: str, work_dir: Path | None) -> tuple[str, str] | None:
    """The archive in a URL, or its copy in a work_dir, and the member; None where there is none."""
    stores()
    from fastdup_gpu.sources import remote_archives

    return remote_archives.locate(url, work_dir)


def open_archive(url: str) -> NamedArchive:
    """An archive outside of a run, copied for a while; raises OSError where that cannot be."""
    stores()
    from fastdup_gpu.sources import remote_archives

    return remote_archives.open_archive(url)


class CloudSource:
    """Pictures read from the server while they are needed, the next ones asked for ahead.

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
        """The bytes of picture `index`."""
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
        """What is no address is a file."""
        name = self.names[index]
        return "" if is_cloud(name) else name

    def stamp(self, index: int) -> bytes:
        """The ETag that the server listed; none for an object that the input names itself."""
        name = self.names[index]
        return self._etags.get(name, "").encode() if is_cloud(name) else file_stamp(name)

    def close(self) -> None:
        """Give up what was asked for."""
        with self._lock:
            self._next = len(self.names)
            for asked in self._asked.values():
                asked.cancel()
            self._asked.clear()

    def _take(self, index: int) -> Future[bytes] | None:
        """What was asked for ahead, after asking for what comes next."""
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
    """Pictures of which a part is copied to the work_dir before the first is read
    (sync_s3_to_local=1).

    One that could not be copied raises its reason when it is loaded. With delete_img=1 the
    copies are deleted by close().
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
                pool.shutdown(cancel_futures=True)
                raise

    def load(self, index: int) -> bytes:
        """The bytes of picture `index`."""
        name = self.names[index]
        if name in self._failed:
            raise self._failed[name]
        return read_file(str(self._copies.path(name)) if is_cloud(name) else name)

    def path(self, index: int) -> str:
        """The copy, or the file that was one from the start."""
        name = self.names[index]
        if name in self._failed:
            return ""
        return str(self._copies.path(name)) if is_cloud(name) else name

    def stamp(self, index: int) -> bytes:
        """The ETag of the copy."""
        name = self.names[index]
        return self._copies.etag(name).encode() if is_cloud(name) else file_stamp(name)

    def close(self) -> None:
        """Delete the copies where that is wished."""
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
            "input_dir names s3:// or minio:// files, which needs the package "
            f"{error.name}: pip install 'fastdup-gpu[cloud]'"
        ) from error
    return Stores()
