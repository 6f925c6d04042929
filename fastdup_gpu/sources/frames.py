"""Writes videos as JPEGs: several at a time, with a record for each one that is done."""

from __future__ import annotations

import errno
import os
import re
import stat
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image

from fastdup_gpu._atomic import replaced
from fastdup_gpu._progress import Advance
from fastdup_gpu.formats.files import read_json, write_json
from fastdup_gpu.reading import is_written
from fastdup_gpu.sources.base import is_remote
from fastdup_gpu.sources.decoding import Reader, VideoError

JPEG_QUALITY = 95
_RECORD = "frames.json"
_OURS = re.compile(r"output_\d+\.jpg|\.output_\d+\.jpg(\.[\d-]+)?\.tmp")
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, slots=True)
class Job:
    """A video and the folder for its frames."""

    video: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Cut:
    """The result for a video: number and seconds of each frame written; `why` and `error_number`
    say what is missing ('' and 0 = nothing). `known`: whether another try would give the same."""

    frames: Sequence[tuple[int, float | None]]
    why: str = ""
    error_number: int = 0
    known: bool = True


@dataclass(frozen=True, slots=True)
class How:
    """Settings of all videos: the frames to take, the width and height to write (None = original),
    and the GPU that decodes (None = the CPU)."""

    keyframes_only: bool
    resize_to: tuple[int, int] | None
    cuda_device: int | None


def frame_path(folder: Path, number: int) -> Path:
    """The file of frame `number`, from 1."""
    return folder / f"output_{number:06d}.jpg"


def cut_all(
    jobs: Sequence[Job], how: How, threads: int, resume: bool, advance: Advance
) -> list[Cut]:
    """Write the frames of all videos, at most `threads` videos at a time; raises OSError if a frame
    cannot be written, but never because of a bad video."""
    together = max(1, min(threads, len(jobs)))
    cutter = _Cutter(how, max(1, threads // together), resume)
    with ThreadPoolExecutor(threads) as cutter.writers, ThreadPoolExecutor(together) as pool:
        try:
            done = []
            for cut in pool.map(cutter.cut, jobs):
                done.append(cut)
                advance(1, bool(cut.why))
            return done
        except BaseException:
            cutter.stopped.set()
            pool.shutdown(cancel_futures=True)
            raise


class _Cutter:
    """The settings of all videos, and the threads that write frames."""

    writers: ThreadPoolExecutor

    def __init__(self, how: How, threads: int, resume: bool) -> None:
        self.how = how
        self.threads = threads
        self.resume = resume
        self.stopped = threading.Event()

    def cut(self, job: Job) -> Cut:
        """Write the frames of one video, unless its record says that this was done."""
        if is_remote(job.video):
            return Cut([], "videos are read from local disks only; copy it first", errno.EINVAL)
        try:
            fd = os.open(job.video, _FLAGS)
        except (OSError, ValueError) as error:
            return _unreadable(error)
        with os.fdopen(fd, "rb") as file:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                return Cut([], "a pipe, socket or device, not a regular file", errno.EINVAL)
            return self._cut_file(file, status, job)

    def _cut_file(self, file: BinaryIO, status: os.stat_result, job: Job) -> Cut:
        wanted = {
            "video": job.video,
            "size": status.st_size,
            "mtime_ns": status.st_mtime_ns,
            "keyframes_only": self.how.keyframes_only,
            "resize_to": list(self.how.resize_to) if self.how.resize_to else None,
            "decoder": "cpu" if self.how.cuda_device is None else "cuda",
        }
        if self.resume and (done := _recorded(job.folder, wanted)):
            return done
        _clear(job.folder)
        done = self._decode(file, status.st_size, job.folder)
        if done.known:
            write_json(job.folder / _RECORD, {**wanted, "frames": done.frames, "why": done.why})
        return done

    def _decode(self, file: BinaryIO, size: int, folder: Path) -> Cut:
        try:
            reader = Reader(
                file,
                size,
                keyframes_only=self.how.keyframes_only,
                threads=self.threads,
                cuda_device=self.how.cuda_device,
            )
        except VideoError as error:
            return Cut([], str(error), errno.EIO)
        except OSError as error:
            return _unreadable(error)
        except Exception as error:  # hostile bytes: PyAV raises other errors than its own, too
            return Cut([], f"{type(error).__name__}: {error}", errno.EIO)
        try:
            times = self._write_frames(reader, folder)
            frames = zip(reader.positions(times), map(reader.seconds, times), strict=True)
            why = reader.why()
            return Cut(list(frames), why, errno.EIO if why else 0)
        finally:
            reader.close()

    def _write_frames(self, reader: Reader, folder: Path) -> list[int | None]:
        """Write frames while decoding continues; returns their time stamps."""
        times: list[int | None] = []
        waiting: deque[Future[None]] = deque()
        for time, image in reader.frames():
            if self.stopped.is_set():
                raise OSError(errno.ECANCELED, os.strerror(errno.ECANCELED), str(folder))
            times.append(time)
            path = frame_path(folder, len(times))
            waiting.append(self.writers.submit(_save, image, path, self.how.resize_to))
            if len(waiting) > self.threads:
                waiting.popleft().result()
        for written in waiting:
            written.result()
        return times


def _save(image: Image.Image, path: Path, resize_to: tuple[int, int] | None) -> None:
    if resize_to:
        image = image.resize(resize_to)
    with replaced(path, durable=False) as temporary:
        image.save(temporary, "JPEG", quality=JPEG_QUALITY)


def _unreadable(error: OSError | ValueError) -> Cut:
    text = getattr(error, "strerror", None) or str(error)
    return Cut([], text, getattr(error, "errno", None) or errno.EINVAL, known=False)


def _recorded(folder: Path, wanted: dict[str, Any]) -> Cut | None:
    """The result of an earlier run, if its record matches and all frames still exist."""
    record = read_json(folder / _RECORD)
    if record is None or any(record.get(key) != value for key, value in wanted.items()):
        return None
    try:
        frames = [(int(i), None if t is None else float(t)) for i, t in record["frames"]]
        why = str(record["why"])
    except (KeyError, TypeError, ValueError, OverflowError):  # a damaged record
        return None
    if not all(is_written(frame_path(folder, number)) for number in range(1, len(frames) + 1)):
        return None
    return Cut(frames, why, errno.EIO if why else 0)


def _clear(folder: Path) -> None:
    """Create the folder, and delete the files that an earlier run wrote to it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _RECORD).unlink(missing_ok=True)
    for path in folder.iterdir():
        if _OURS.fullmatch(path.name):
            path.unlink()
