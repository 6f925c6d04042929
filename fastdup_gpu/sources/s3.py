"""An S3 server: listing, reading and copying objects, with retries where they may help.

Importing this module needs s3fs, which connects, signs and finds credentials. Requests run on the
event loop of fsspec, so any number of threads may make them at once.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, BinaryIO, TypeVar

import aiohttp
import botocore.exceptions as boto
import s3fs
from fsspec.asyn import get_loop

from fastdup_gpu._errors import ConnectionLost
from fastdup_gpu.reading import MAX_FILE
from fastdup_gpu.sources.endpoints import Place, Server, parse, server_of
from fastdup_gpu.sources.retry import Backoff, Line, Transient

T = TypeVar("T")
BACKOFF = Backoff()
PATIENCE = 30.0  # seconds until a response must begin, and until each next part of it
LOST = 60.0  # seconds of trying without any response, after which the server counts as lost
# Bytes per second; a slower body is requested again. Low, as many requests share the network.
SLOWEST = 1_000
PAGE = 1000  # keys of one listing request
PART = 8 << 20  # bytes of one request for a large object
_PARTS_AT_ONCE = 4
_CONNECTIONS = 64
_CHUNK = 1 << 20

_EXPECTED = (boto.BotoCoreError, boto.ClientError, aiohttp.ClientError, OSError, ValueError)
_HOPELESS = (
    boto.ParamValidationError,
    boto.InvalidRegionError,
    boto.ProfileNotFound,
    ValueError,  # a key that is not UTF-8
)
_NO_CREDENTIALS = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.NoAuthTokenError,
    boto.TokenRetrievalError,
)
_PASSING = ("RequestTimeout", "SlowDown", "Throttling", "ThrottlingException", "InternalError")
_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired")
_FORBIDDEN = ("InvalidToken",)


class TooLarge(OSError):
    """An object is larger than the requested limit."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The bytes of an object or a part of it; `total` is the size of the whole object."""

    data: bytes
    etag: str
    total: int


class Stores:
    """The servers behind URLs, each connected once, with the settings at that time."""

    def __init__(self) -> None:
        self._known: dict[str, Store] = {}

    def get(self, url: str) -> bytes:
        """The bytes of an object of at most 2 GiB."""
        place = parse(url)
        return self.of(place).ask(place.bucket, place.key).result()

    def ask(self, url: str, most: int) -> Future[bytes]:
        """Start reading an object of at most `most` bytes."""
        place = parse(url)
        return self.of(place).ask(place.bucket, place.key, most)

    def of(self, place: Place) -> Store:
        """The server of a place."""
        if place.alias not in self._known:
            self._known[place.alias] = _connect(server_of(place), _settings(), os.getpid())
        return self._known[place.alias]


@lru_cache(maxsize=8)
def _connect(server: Server, settings: object, process: int) -> Store:
    return Store(server)


def _settings() -> tuple[tuple[str, str], ...]:
    """The environment variables that affect connections."""
    wanted = ("AWS_", "FSSPEC_S3")
    return tuple(sorted((k, v) for k, v in os.environ.items() if k.startswith(wanted)))


def _wants_no_credentials(server: Server) -> bool:
    """Whether FSSPEC_S3_ANON is set; fsspec itself reads it only when it is imported."""
    return not server.key and os.environ.get("FSSPEC_S3_ANON", "").lower() in ("1", "true")


class Store:
    """A connection; every method may be called from any thread.

    Raises FileNotFoundError for missing objects, PermissionError if access is denied, TooLarge and
    other OSErrors with a reason that contains no credentials, and ConnectionLost if the server no
    longer responds.
    """

    def __init__(self, server: Server) -> None:
        _keep_signatures_out_of_logs()
        given = {
            "endpoint_url": server.endpoint,
            "key": server.key,
            "secret": server.secret,
            "token": server.token,
        }
        self._files: Any = s3fs.S3FileSystem(
            skip_instance_cache=True,
            config_kwargs={
                "connect_timeout": PATIENCE,
                "read_timeout": PATIENCE,
                "max_pool_connections": _CONNECTIONS,
                "retries": {"total_max_attempts": 1},
            },
            **({"anon": True} if server.anonymous or _wants_no_credentials(server) else {}),
            **{name: value for name, value in given.items() if value},
        )
        self._name = f"the server {server.endpoint}" if server.endpoint else "the S3 server"
        self._lines: dict[str, Line] = {}

    def list(self, bucket: str, prefix: str) -> Iterator[tuple[str, str]]:
        """The keys that begin with `prefix`, in order of their UTF-8 bytes, and their ETags."""
        token = ""
        while True:
            page = _wait(self._retried(bucket, partial(self._page, bucket, prefix, token, PAGE)))
            yield from ((e["Key"], e.get("ETag", "")) for e in page.get("Contents", ()))
            if not page.get("IsTruncated"):
                return
            token = page["NextContinuationToken"]

    def ask(self, bucket: str, key: str, most: int = MAX_FILE) -> Future[bytes]:
        """Start reading an object of at most `most` bytes."""
        return asyncio.run_coroutine_threadsafe(self._read(bucket, key, most), get_loop())

    def copy(self, bucket: str, key: str, to: BinaryIO, *, known: str = "") -> Future[str | None]:
        """Start writing an object of any size to `to`; the result is its etag. If it still has the
        etag `known`, nothing is written and the result is None."""
        return asyncio.run_coroutine_threadsafe(self._copy(bucket, key, to, known), get_loop())

    def _retried(self, bucket: str, request: Callable[[], Awaitable[T]]) -> Coroutine[Any, Any, T]:
        return self._line(bucket).tried(partial(_translated, request), BACKOFF)

    def _line(self, bucket: str) -> Line:
        """The Line of a bucket, since buckets may be on different servers; the probe lists one
        key."""
        if bucket not in self._lines:
            probe = partial(_translated, partial(self._page, bucket, "", "", 1))
            self._lines[bucket] = Line(self._name, probe, LOST)
        return self._lines[bucket]

    async def _page(self, bucket: str, prefix: str, token: str, keys: int) -> dict[str, Any]:
        more: dict[str, Any] = {"ContinuationToken": token} if token else {}
        async with asyncio.timeout(PATIENCE):
            client = await self._files.set_session()
            page: dict[str, Any] = await client.list_objects_v2(
                Bucket=bucket, Prefix=prefix, MaxKeys=keys, **more
            )
            return page

    async def _read(self, bucket: str, key: str, most: int) -> bytes:
        return (await self._part(bucket, key, most)).data

    def _part(
        self, bucket: str, key: str, most: int, **conditions: str
    ) -> Coroutine[Any, Any, Answer]:
        return self._retried(bucket, partial(self._part_once, bucket, key, most, conditions))

    async def _part_once(
        self, bucket: str, key: str, most: int, conditions: dict[str, str]
    ) -> Answer:
        async with asyncio.timeout(PATIENCE):
            client = await self._files.set_session()
            response = await client.get_object(Bucket=bucket, Key=key, **conditions)
        body = response["Body"]
        try:
            size = int(response["ContentLength"])
            if size > most:
                raise TooLarge(errno.EOVERFLOW, f"{size} bytes, more than the limit of {most}")
            async with asyncio.timeout(PATIENCE + size / SLOWEST):
                data = await _all_of(body, size)
        finally:
            body.close()
        if len(data) != size:
            raise ConnectionResetError(errno.ECONNRESET, f"received {len(data)} of {size} bytes")
        total = response.get("ContentRange", "").rpartition("/")[2]
        return Answer(data, response.get("ETag", ""), int(total) if total.isdigit() else size)

    async def _copy(self, bucket: str, key: str, to: BinaryIO, known: str) -> str | None:
        """One request for a small object, parallel ranges for the rest of a large one."""
        unless = {"IfNoneMatch": known} if known else {}
        try:
            first = await self._part(bucket, key, MAX_FILE, Range=_range(0), **unless)
        except _NotModified:
            return None
        except _EmptyRange:
            first = await self._part(bucket, key, PART)
        to.write(first.data)
        starts = range(len(first.data), first.total, PART)
        same = {"IfMatch": first.etag} if first.etag else {}
        for at in range(0, len(starts), _PARTS_AT_ONCE):
            parts = [
                self._part(bucket, key, PART, Range=_range(start), **same)
                for start in starts[at : at + _PARTS_AT_ONCE]
            ]
            for part in await asyncio.gather(*parts):
                to.write(part.data)
        return first.etag


async def _translated(request: Callable[[], Awaitable[T]]) -> T:
    try:
        return await request()
    except _EXPECTED as error:
        raise _understood(error) from None


def _wait(request: Coroutine[Any, Any, T]) -> T:
    return asyncio.run_coroutine_threadsafe(request, get_loop()).result()


async def _all_of(body: Any, size: int) -> bytes:
    """Read until the end of the stream, where the layers below compare length and checksum."""
    parts: list[bytes] = []
    came = 0
    while came <= size:
        async with asyncio.timeout(PATIENCE):
            part = await body.read(_CHUNK)
        if not part:
            break
        parts.append(part)
        came += len(part)
    return b"".join(parts)


def _range(start: int) -> str:
    return f"bytes={start}-{start + PART - 1}"


class _NotModified(OSError):
    """The object has not changed."""


class _EmptyRange(OSError):
    """A range of an empty object was requested."""


def _understood(error: Exception) -> OSError | Transient | ConnectionLost:
    """The error to raise for an error of the layers below, whose texts are not passed on because
    they may quote requests."""
    if isinstance(error, TooLarge):
        return error
    if isinstance(error, boto.ClientError):
        return _answered(error)
    if isinstance(error, _NO_CREDENTIALS):
        return PermissionError(
            errno.EACCES,
            f"no usable credentials ({type(error).__name__}); use `aws configure`, the variables "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or FSSPEC_S3_ANON=true for a public "
            "bucket",
        )
    if isinstance(error, _HOPELESS):
        return OSError(errno.EINVAL, f"not a valid request ({type(error).__name__})")
    if isinstance(error, TimeoutError):
        return Transient(TimeoutError(errno.ETIMEDOUT, "the server responds too slowly"))
    return Transient(OSError(errno.EIO, f"the connection failed ({type(error).__name__})"))


def _answered(error: Any) -> OSError | Transient | ConnectionLost:
    """The error to raise for an error response of the server."""
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    code = str(error.response.get("Error", {}).get("Code", ""))[:60]
    if status in (429, 408) or status >= 500 or code in _PASSING:
        return Transient(OSError(errno.EIO, f"the server failed ({status} {code})"))
    if code in _EXPIRED:
        return ConnectionLost(
            f"the server no longer accepts the credentials ({code}). No image was marked as bad "
            "because of this: renew them, then run again with resume=1 to continue from here"
        )
    if status == 404:
        return FileNotFoundError(errno.ENOENT, f"not found ({code})")
    if status in (401, 403) or code in _FORBIDDEN:
        return PermissionError(errno.EACCES, f"access denied ({code})")
    known: dict[int, OSError] = {
        304: _NotModified(errno.EEXIST, "not modified"),
        412: OSError(errno.EIO, "it changed while it was being read; run again"),
        416: _EmptyRange(errno.EINVAL, "the object is not that long"),
    }
    return known.get(status, OSError(errno.EIO, f"the server refused ({status} {code})"))


def _keep_signatures_out_of_logs() -> None:
    """At level DEBUG, these libraries log whole requests, with access keys and session tokens. They
    keep the present level, but at least INFO, even if the program turns to DEBUG later."""
    for name in ("botocore", "aiobotocore", "s3fs", "fsspec"):
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(max(logging.INFO, logger.getEffectiveLevel()))
