"""Files written whole: a temporary name beside the target, fsync, rename."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastdup_gpu._errors import WorkDirError

try:
    import fcntl
except ImportError:  # Windows, where every writer uses its own name
    fcntl = None  # type: ignore[assignment]

_NO_LINKS = getattr(os, "O_NOFOLLOW", 0)
_FLAGS = os.O_RDWR | os.O_CREAT | _NO_LINKS
_LONGEST = 200
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


@contextmanager
def replaced(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary name beside `path`; what was written there replaces `path` at the end.

    The name is the same in every process, so that the next process that writes the file takes
    over what a killed one left. It is locked during writing, and a second writer uses a name of
    its own. Without `durable` the file is not flushed to disk: for files that can be created again
    after a power cut. Raises WorkDirError if the file cannot be written.
    """
    try:
        temporary, lock = _claim(path)
    except OSError as error:
        raise _refusal(path, error) from error
    with explained(path):
        try:
            yield temporary
            if durable:
                with temporary.open("r+b") as written:
                    os.fsync(written.fileno())
            temporary.replace(path)
        except BaseException:
            # Only while it is locked: after the rename another writer may have taken the name.
            temporary.unlink(missing_ok=True)
            raise
        finally:
            if lock is not None:
                _release(lock)


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Hold a lock file, which a killed process releases; raises WorkDirError if it is held already.

    Where locks do not exist (Windows, some network disks), nothing is held.
    """
    if fcntl is None:
        yield
        return
    descriptor = _opened(lock)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise WorkDirError(
                f"another run is using work_dir {str(lock.parent.parent)!r}; wait for it to finish "
                "or give another work_dir"
            ) from error
        except OSError:
            pass
        yield
    finally:
        _release(descriptor)


def _opened(lock: Path) -> int:
    """The lock file, made if there is none; one of another user is held as well."""
    try:
        try:
            return os.open(lock, _FLAGS, 0o666)
        except PermissionError:
            return os.open(lock, os.O_RDONLY | _NO_LINKS)
    except OSError as error:
        raise _refusal(lock, error) from error


def _release(descriptor: int) -> None:
    """Unlock, which closing alone does not do if a process was forked meanwhile, and close."""
    assert fcntl is not None
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Replace the OSError of a full disk by a WorkDirError that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise _refusal(path, error) from error


def _refusal(path: Path, error: OSError) -> WorkDirError:
    remedy = "check that its folder exists and can be written to"
    if error.errno in _FULL:
        remedy = (
            "free some space or choose another folder, then run again; use resume=1 to continue "
            "an interrupted run()"
        )
    if error.errno == errno.EROFS:
        remedy = "its file system is read-only: choose another folder"
    return WorkDirError(f"{str(path)!r} cannot be written ({error.strerror}); {remedy}")


def _claim(path: Path) -> tuple[Path, int | None]:
    """Create an empty temporary file that nobody else writes to; return it and its locked
    descriptor, or None if the name belongs to this thread alone."""
    name = path.name
    if len(os.fsencode(name)) > _LONGEST:  # file systems take 255 bytes
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    usual = path.with_name(f".{name}.tmp")
    with contextlib.suppress(OSError):  # trying the other name shows the real reason
        if (lock := _locked(usual)) is not None:
            return usual, lock
    own = path.with_name(f".{name}.{os.getpid()}-{threading.get_ident()}.tmp")
    os.close(os.open(own, _FLAGS | os.O_TRUNC, 0o666))
    return own, None


def _locked(temporary: Path) -> int | None:
    """A descriptor of the emptied file; None if another writer has it or locks do not exist."""
    if fcntl is None:
        return None
    descriptor = os.open(temporary, _FLAGS, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Between the two calls the file may have been renamed by its writer.
        if os.path.samestat(os.fstat(descriptor), os.lstat(temporary)):
            os.ftruncate(descriptor, 0)
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    except OSError:  # a file system without locks, where nobody uses this name
        temporary.unlink(missing_ok=True)
    os.close(descriptor)
    return None
