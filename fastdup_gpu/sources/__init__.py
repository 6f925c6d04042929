"""Where pictures come from: one door for folders, lists, archives, videos and boxes."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from fastdup_gpu._errors import InputError
from fastdup_gpu._progress import Counting, uncounted
from fastdup_gpu.formats.names import CROPS_CSV, FRAMES_CSV, TMP_DIR, TRAIN
from fastdup_gpu.sources import cloud, lists
from fastdup_gpu.sources.archives import open_archives
from fastdup_gpu.sources.base import (
    ALL,
    VIDEO_EXTENSIONS,
    Box,
    Found,
    Part,
    Source,
)
from fastdup_gpu.sources.boxes import parse_bounding_box
from fastdup_gpu.sources.by_name import read_by_name
from fastdup_gpu.sources.cloud import Wishes
from fastdup_gpu.sources.crops import crops_folder, cut
from fastdup_gpu.sources.endpoints import is_cloud
from fastdup_gpu.sources.folder import FileSource
from fastdup_gpu.sources.kinds import check_boxes, check_kinds, means_videos
from fastdup_gpu.sources.naming import USUAL, spoken_of_as
from fastdup_gpu.sources.video import extract_frames

__all__ = ["find_videos", "list_input", "open_source", "read_by_name"]

_log = logging.getLogger(__name__)


def open_source(
    input_dir: object,
    *,
    work_dir: Path,
    tar_only: bool = False,
    bounding_box: str = "",
    threads: int = 0,
    kind: str = TRAIN,
    keyframes_only: bool = True,
    cuda_device: int | None = None,
    resume: bool = False,
    sync_s3_to_local: bool = False,
    delete_tar: bool = False,
    delete_img: bool = False,
    part: Part = ALL,
    min_file_size: int = 0,
    counting: Counting = uncounted,
) -> Source:
    """List an input, and cut it into boxes where it says so.

    `input_dir`: a folder, a picture, an archive, a video, a text file of names, a csv with a column
    `filename` (with boxes: also `col_x,row_y,width,height`), a yolov5 yaml, or a list, tuple,
    iterator, array or Series of files and folders; or the s3:// or minio:// URL of a bucket,
    prefix or object, also in such a list; or what `list_input` found. Names stay as given or found,
    remote ones are URLs. Folders are sorted by code point of the path, lists keep their order.

    Remote archives and videos are copied to `work_dir/tmp` and read there; `delete_tar` deletes
    the copy of each archive after its last picture. `sync_s3_to_local` copies remote pictures
    there ahead, `delete_img` deletes these copies when the source is closed. Files of the user
    are never deleted.

    `tar_only` takes the archives of the input and leaves its pictures; without it an input that
    holds both is refused. Videos are taken where there are no archives, and no pictures or
    `tar_only`: `extract_frames` tells what becomes of them, `keyframes_only`, `cuda_device`
    and `resume`.
    `bounding_box` is cut out of every picture, but for 'face' and 'yolov5s', which
    `stages.detect` sees to. Crops go to `work_dir/crops`, with `threads` threads (0 = one a
    core), those of another `kind` than 'atrain' to a folder of that name below it.

    `part`: the items that will be loaded. Names and positions are those of the whole input, but
    only for these boxes are cut and remote pictures copied, and archives behind the last of them
    are not opened (nor listed in `names`). Videos are cut whole: their frames are not counted
    before. `min_file_size`: bytes that a picture needs for a box to be cut out of it. `counting`
    is told of work that takes long.

    Raises InvalidArgument for arguments that are wrong or do not fit each other, InputError for
    an input that is missing, unreadable or holds no picture, WorkDirError where crops or
    copies cannot be written, MissingDependency for videos without PyAV or URLs without s3fs.
    """
    wishes = Wishes(work_dir, sync_s3_to_local, delete_tar, delete_img, part, counting)
    box = parse_bounding_box(bounding_box)
    found = input_dir if isinstance(input_dir, Found) else lists.find(input_dir, work_dir)
    check_boxes(found, bounding_box)
    how = partial(
        cut,
        folder=crops_folder(work_dir, kind),
        table=work_dir / CROPS_CSV.format(kind=kind),
        threads=threads,
        min_file_size=min_file_size,
        counting=counting,
    )
    if found.boxes is not None:
        check_kinds(found, tar_only)
        return _cut_listed(found, found.boxes, wishes, how)
    found.pictures = _without_frames(found, work_dir)
    check_kinds(found, tar_only)
    if means_videos(found, tar_only):
        _note_left_out(found, len(found.pictures), "pictures, because of tar_only=1")
        source: Source = extract_frames(
            cloud.local_files(found.videos, work_dir, counting),
            work_dir,
            keyframes_only=keyframes_only,
            cuda_device=cuda_device,
            threads=threads,
            resume=resume,
            kind=kind,
            counting=counting,
        )
    else:
        _forget_frames(found.pictures, work_dir, kind)
        source = _open(found, tar_only, wishes)
    if box is None:
        return source
    try:
        asked = {i: (i, box) for i in part.of(len(source.names))}
        return how(source, source.names, asked)
    finally:
        source.close()


def list_input(
    given: object,
    work_dir: Path,
    *,
    tar_only: bool = False,
    bounding_box: str = "",
    argument: str = USUAL,
) -> Found:
    """What an input holds, for `open_source` later; raises its errors, which name `argument`."""
    with spoken_of_as(argument):
        found = lists.find(given, work_dir)
        check_boxes(found, bounding_box)
        check_kinds(found, tar_only)
    return found


def find_videos(input_dir: object, work_dir: Path, counting: Counting = uncounted) -> list[str]:
    """The videos of an input, whatever else it holds, remote ones copied; raises InputError where
    there is none."""
    found = lists.find(input_dir, work_dir)
    if not found.videos:
        raise InputError(
            f"input_dir: {found.shown!r} holds no videos; looked for names that end in "
            f"{', '.join(sorted(VIDEO_EXTENSIONS))}"
        )
    return cloud.local_files(found.videos, work_dir, counting)


def _without_frames(found: Found, work_dir: Path) -> list[str]:
    """Pictures but for the frames that an earlier run cut from the videos beside them, where
    the work_dir is inside the input or the input itself."""
    if not (found.pictures and found.videos and any(work_dir.glob(FRAMES_CSV.format(kind="*")))):
        return found.pictures
    tmp = (work_dir / TMP_DIR).resolve()
    return [
        name
        for name in found.pictures
        if is_cloud(name) or not Path(name).resolve().is_relative_to(tmp)
    ]


def _forget_frames(names: list[str], work_dir: Path, kind: str) -> None:
    """Take away the list of the frames of an earlier run, unless these are the pictures now."""
    table = work_dir / FRAMES_CSV.format(kind=kind)
    if not table.is_file():
        return
    tmp = (work_dir / TMP_DIR).resolve()
    folders = {os.path.dirname(name) for name in names if not is_cloud(name)}  # noqa: PTH120
    if not any(Path(folder).resolve().is_relative_to(tmp) for folder in folders):
        table.unlink()


def _open(found: Found, tar_only: bool, wishes: Wishes) -> Source:
    if found.archives:
        _note_left_out(found, len(found.pictures), "pictures, because of tar_only=1")
        _note_left_out(found, len(found.videos), "videos")
        return _archives(found.archives, wishes)
    _note_left_out(found, len(found.videos), "videos")
    return _pictures(found.pictures, found, wishes)


def _archives(paths: list[str], wishes: Wishes) -> Source:
    if cloud.has_remote(paths):
        return cloud.open_archives(paths, wishes)
    if wishes.delete_tar:
        _log.info("delete_tar=1: local archives stay, only copies of remote ones are deleted")
    if wishes.delete_img:
        _log.info("delete_img=1: pictures are read without unpacking, nothing to delete")
    return open_archives(paths, wishes.part, wishes.counting)


def _pictures(names: list[str], found: Found, wishes: Wishes) -> Source:
    if cloud.has_remote(names):
        return cloud.open_pictures(names, found.etags, wishes)
    if wishes.delete_img:
        _log.info("delete_img=1: local pictures stay, only copies of remote ones are deleted")
    return FileSource(names)


def _cut_listed(
    found: Found, boxes: list[Box | str], wishes: Wishes, how: Callable[..., Source]
) -> Source:
    """Cut the boxes of a csv, each picture opened once however its rows are spread."""
    names = found.pictures
    pictures: dict[str, int] = {}
    asked = {
        i: (pictures.setdefault(names[i], len(pictures)), boxes[i])
        for i in wishes.part.of(len(names))
    }
    source = _pictures(list(pictures), found, replace(wishes, part=ALL))
    try:
        return how(source, names, asked)
    finally:
        source.close()


def _note_left_out(found: Found, count: int, what: str) -> None:
    if count:
        _log.warning("%r: left out %d %s", found.shown, count, what)
