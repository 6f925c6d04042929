"""Inputs: one entry point for folders, lists, archives, videos, URLs and boxes."""

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
    """List an input, and crop it to boxes if there are any.

    `input_dir`: a folder, an image, an archive, a video, a text file of names, a csv with a column
    `filename` (with boxes: also `col_x,row_y,width,height`), a yolov5 yaml, or a list, tuple,
    iterator, array or Series of files and folders; or the s3:// or minio:// URL of a bucket,
    prefix or object, also in such a list; or the result of `list_input`. Names stay as given or
    found; remote ones are URLs. Folders are sorted by code point of the path, lists keep their
    order.

    Remote archives and videos are copied to `work_dir/tmp` and read there; `delete_tar` deletes
    the copy of each archive after its last image. `sync_s3_to_local` copies remote images there in
    advance, `delete_img` deletes these copies when the source is closed. The user's files are never
    deleted.

    `tar_only` reads the archives of the input and leaves out its images; without it, an input that
    contains both is refused. Videos are read if there are no archives, and no images or `tar_only`;
    for them, `keyframes_only`, `cuda_device` and `resume` see `extract_frames`. `bounding_box` is
    cropped from every image, except for 'face' and 'yolov5s', which `stages.detect` handles. Crops
    go to `work_dir/crops`, written by `threads` threads (0 = one per core); those of another `kind`
    than 'atrain' go to a sub-folder of that name.

    `part`: the items that will be loaded. Names and positions are those of the whole input, but
    only these items are cropped or copied, and archives after the last of them are not opened (nor
    listed in `names`). Videos are always extracted completely, because the number of their frames
    is not known before. `min_file_size`: smallest file, in bytes, that is cropped. `counting` is
    told about work that takes long.

    Raises InvalidArgument for arguments that are wrong or do not fit each other, InputError for
    an input that is missing, unreadable or contains no images, WorkDirError if crops or copies
    cannot be written, MissingDependency for videos without PyAV or URLs without s3fs.
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
        _note_left_out(found, len(found.pictures), "images, because of tar_only=1")
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
    """List an input for a later `open_source`; raises the same errors, which name `argument`."""
    with spoken_of_as(argument):
        found = lists.find(given, work_dir)
        check_boxes(found, bounding_box)
        check_kinds(found, tar_only)
    return found


def find_videos(input_dir: object, work_dir: Path, counting: Counting = uncounted) -> list[str]:
    """The videos of an input (other files are skipped), with remote ones copied; raises InputError
    if there are none."""
    found = lists.find(input_dir, work_dir)
    if not found.videos:
        raise InputError(
            f"input_dir: {found.shown!r} contains no videos; expected file names that end in "
            f"{', '.join(sorted(VIDEO_EXTENSIONS))}"
        )
    return cloud.local_files(found.videos, work_dir, counting)


def _without_frames(found: Found, work_dir: Path) -> list[str]:
    """The images without the frames that an earlier run extracted from the videos beside them, if
    the work_dir is the input or inside it."""
    if not (found.pictures and found.videos and any(work_dir.glob(FRAMES_CSV.format(kind="*")))):
        return found.pictures
    tmp = (work_dir / TMP_DIR).resolve()
    return [
        name
        for name in found.pictures
        if is_cloud(name) or not Path(name).resolve().is_relative_to(tmp)
    ]


def _forget_frames(names: list[str], work_dir: Path, kind: str) -> None:
    """Remove the table of the frames of an earlier run, unless the input now is these frames."""
    table = work_dir / FRAMES_CSV.format(kind=kind)
    if not table.is_file():
        return
    tmp = (work_dir / TMP_DIR).resolve()
    folders = {os.path.dirname(name) for name in names if not is_cloud(name)}  # noqa: PTH120
    if not any(Path(folder).resolve().is_relative_to(tmp) for folder in folders):
        table.unlink()


def _open(found: Found, tar_only: bool, wishes: Wishes) -> Source:
    if found.archives:
        _note_left_out(found, len(found.pictures), "images, because of tar_only=1")
        _note_left_out(found, len(found.videos), "videos")
        return _archives(found.archives, wishes)
    _note_left_out(found, len(found.videos), "videos")
    return _pictures(found.pictures, found, wishes)


def _archives(paths: list[str], wishes: Wishes) -> Source:
    if cloud.has_remote(paths):
        return cloud.open_archives(paths, wishes)
    if wishes.delete_tar:
        _log.info("delete_tar=1: local archives are kept, only copies of remote ones are deleted")
    if wishes.delete_img:
        _log.info("delete_img=1: images are read without unpacking, nothing to delete")
    return open_archives(paths, wishes.part, wishes.counting)


def _pictures(names: list[str], found: Found, wishes: Wishes) -> Source:
    if cloud.has_remote(names):
        return cloud.open_pictures(names, found.etags, wishes)
    if wishes.delete_img:
        _log.info("delete_img=1: local images are kept, only copies of remote ones are deleted")
    return FileSource(names)


def _cut_listed(
    found: Found, boxes: list[Box | str], wishes: Wishes, how: Callable[..., Source]
) -> Source:
    """Crop the boxes of a csv; each image is opened once, wherever its rows are."""
    names = found.pictures
    pictures: dict[str, int] = {}
    asked = {
        i: (pictures.setdefault(names[i], len(pictures)), boxes[i])
        for i in wishes.part.of(len(names))
    }
    source = _pictures(list(pictures), found, replace(wishes, part=ALL))
    try:
        return how(source, names, asked, labels=found.labels)
    finally:
        source.close()


def _note_left_out(found: Found, count: int, what: str) -> None:
    if count:
        _log.warning("%r: left out %d %s", found.shown, count, what)
