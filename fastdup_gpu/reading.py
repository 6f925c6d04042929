"""The bytes of plain files: only regular files are read, up to a size limit."""

from __future__ import annotations

import errno
import os
import stat

MAX_FILE = 2 << 30
# Otherwise, opening a FIFO without a writer would block for ever.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def read_file(path: str) -> bytes:
    """The bytes of a regular file of at most 2 GiB; raises OSError for anything else."""
    fd, size = _open(path)
    try:
        data = os.read(fd, size)
        return data if len(data) == size else _read_rest(fd, data, size)
    finally:
        os.close(fd)


def read_into(path: str, room: memoryview) -> bytes | int:
    """The same, but written into `room` if the file fits; then returns its number of bytes."""
    fd, size = _open(path)
    try:
        if size > len(room):
            return _read_rest(fd, b"", size)
        have = 0
        while have < size and (more := os.readv(fd, [room[have:size]])):
            have += more
        return have
    finally:
        os.close(fd)


def is_written(path: str | os.PathLike[str]) -> bool:
    """Whether a file exists and is not empty, as it may be after a power cut."""
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size > 0


def file_stamp(path: str) -> bytes:
    """Size and time of a file, to recognise later that it is unchanged; b"" if there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116  called for every image
    except (OSError, ValueError):
        return b""
    return b"%d %d" % (found.st_size, found.st_mtime_ns)


def _open(path: str) -> tuple[int, int]:
    """(descriptor, size) of a file that may be read."""
    try:
        fd = os.open(path, _FLAGS)
    except ValueError as error:
        raise OSError(errno.EINVAL, f"not a valid file name ({error})", path) from error
    try:
        status = os.fstat(fd)
        _check_readable(path, status)
    except BaseException:
        os.close(fd)
        raise
    return fd, status.st_size


def _check_readable(path: str, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "a pipe, socket or device, not a regular file", path)
    if status.st_size > MAX_FILE:
        raise OSError(
            errno.EFBIG, f"{status.st_size} bytes, more than the limit of {MAX_FILE}", path
        )


def _read_rest(fd: int, data: bytes, size: int) -> bytes:
    """Continue after a short read: a call returns at most 2 GiB, on network disks maybe less."""
    parts = [data]
    have = len(data)
    while have < size and (data := os.read(fd, size - have)):
        parts.append(data)
        have += len(data)
    return b"".join(parts)
