"""Videos as a source of images: their frames, written as JPEGs to work_dir/tmp.

Frames of `clips/a.mp4` go to `tmp/a.mp4/output_000001.jpg` and so on. Of several videos with the
same base name (ignoring case) the first keeps it, the others get `a.mp4~` and the first 8
hexadecimal digits of the SHA-256 of their path, as given or found. Folders of videos that are no
longer in the input are kept.
"""

from __future__ import annotations

import hashlib
import logging
import os
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fastdup_gpu._cpu import cores
from fastdup_gpu._errors import MissingDependency, WorkDirError
from fastdup_gpu._progress import Counting, uncounted
from fastdup_gpu.formats.files import begin_csv, write_csv
from fastdup_gpu.formats.names import FRAMES_COLUMNS, FRAMES_CSV, TMP_DIR, TRAIN
from fastdup_gpu.sources import hardware
from fastdup_gpu.sources.folder import FileSource
from fastdup_gpu.sources.frames import Cut, How, Job, cut_all, frame_path

_LONGEST_NAME = 200  # bytes; file systems take 255, and a suffix is added

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Frame:
    """One row of the csv of frames: item `index` of the source was written to `filename`.

    `frame` is its number in the video, from 0, counting all frames whether they were written or
    not; `seconds` the time since the beginning of the video, None if unknown.
    """

    index: int
    filename: str
    video: str
    frame: int
    seconds: float | None


class FrameSource(FileSource):
    """The frames of some videos, video by video, in order of time.

    If a video cannot be read to its end, its readable frames are followed by one more item with the
    name of the video, whose load raises the reason.
    """

    failed: Mapping[int, OSError]

    def __init__(self, jobs: Sequence[Job], cuts: Sequence[Cut]) -> None:
        names: list[str] = []
        self.frames: list[Frame] = []
        failed: dict[int, OSError] = {}
        for job, done in zip(jobs, cuts, strict=True):
            for number, (frame, seconds) in enumerate(done.frames, 1):
                path = str(frame_path(job.folder, number))
                self.frames.append(Frame(len(names), path, job.video, frame, seconds))
                names.append(path)
            if done.why:
                failed[len(names)] = OSError(done.error_number, done.why, job.video)
                names.append(job.video)
        super().__init__(names, failed=failed)


def extract_frames(
    paths: Sequence[str],
    work_dir: Path,
    *,
    keyframes_only: bool = True,
    cuda_device: int | None = None,
    resize_to: tuple[int, int] | None = None,
    first: int = 0,
    last: int | None = None,
    threads: int = 0,
    resume: bool = False,
    kind: str = TRAIN,
    counting: Counting = uncounted,
) -> FrameSource:
    """Write the frames of videos `first` to `last` (excluded) of `paths` as JPEGs of quality 95 to
    `work_dir/tmp`, and list them in `work_dir/{kind}_frames.csv`.

    `keyframes_only`: the first frame and each keyframe. `resize_to`: width and height, without
    keeping the aspect ratio. Frames are rotated upright. `threads`: 0 = one per core. `resume`: a
    video that was done before and has not changed is not decoded again. Frames of another `kind`
    than 'atrain' go to a folder of that name in `tmp`. A video that is listed twice is used once.

    `cuda_device`: the GPU that decodes; a video whose codec it does not support counts as
    unreadable. None = the CPU.

    Raises MissingDependency without PyAV, BackendUnavailable without that GPU, WorkDirError if
    frames cannot be written.
    """
    videos = list(dict.fromkeys(paths))
    _require_pyav(videos)
    if cuda_device is not None:
        hardware.check(cuda_device)
    if len(videos) < len(paths):
        _log.warning(
            "%d of %d videos are listed more than once and are used once",
            len(paths) - len(videos),
            len(paths),
        )
    tmp = work_dir / TMP_DIR / ("" if kind == TRAIN else kind)
    jobs = [Job(v, tmp / name) for v, name in zip(videos, folder_names(videos), strict=True)]
    jobs = jobs[first:last]
    _log.info("extracting frames of %d video(s) to %s", len(jobs), tmp)
    table = work_dir / FRAMES_CSV.format(kind=kind)
    try:
        begin_csv(table, FRAMES_COLUMNS)
        how = How(keyframes_only, resize_to, cuda_device)
        with counting("frames of videos", len(jobs)) as advance:
            cuts = cut_all(jobs, how, threads or cores(), resume, advance)
        source = FrameSource(jobs, cuts)
        write_csv(table, FRAMES_COLUMNS, map(_row, source.frames))
    except OSError as error:
        raise WorkDirError(
            f"frames cannot be written to {str(tmp)!r} ({error.strerror or error}); "
            "give a work_dir with write permission and free space"
        ) from error
    _report(source, len(jobs))
    return source


def folder_names(videos: Sequence[str]) -> list[str]:
    """A folder name for each of several different videos; no two are equal, ignoring case."""
    taken: set[str] = set()
    names = []
    for video in videos:
        base = video.replace(os.sep, "/").rpartition("/")[2]
        cut = os.fsdecode(os.fsencode(base)[:_LONGEST_NAME])
        if cut != base or _folded(cut) in taken:
            digest = hashlib.sha256(os.fsencode(video)).hexdigest()
            cut = f"{cut}~{digest[:8]}"
        taken.add(_folded(cut))
        names.append(cut)
    return names


def _folded(name: str) -> str:
    """Equal for names that some file systems treat as the same."""
    return unicodedata.normalize("NFC", name).casefold()


def _row(frame: Frame) -> tuple[object, ...]:
    seconds = "" if frame.seconds is None else f"{frame.seconds:.6f}"
    return frame.index, frame.filename, frame.video, frame.frame, seconds


def _require_pyav(videos: Sequence[str]) -> None:
    try:
        import av  # noqa: F401
    except ImportError as error:
        raise MissingDependency(
            f"input_dir contains {len(videos)} video(s), the first is {videos[0]!r}; reading them "
            f"needs the package PyAV ({error}): pip install 'fastdup-gpu[video]'"
        ) from error


def _report(source: FrameSource, videos: int) -> None:
    if source.failed:
        index, error = next(iter(source.failed.items()))
        _log.warning(
            "%d of %d video(s) could not be read to their end, e.g. %r: %s",
            len(source.failed),
            videos,
            source.names[index],
            error.strerror,
        )
