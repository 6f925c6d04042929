"""Where pictures come from: one door for folders, lists, archives and boxes."""

from __future__ import annotations

import logging
from pathlib import Path

from fastdup_gpu._errors import InputError, InvalidArgument
from fastdup_gpu.formats.names import CROPS_DIR, TRAIN
from fastdup_gpu.sources import lists
from fastdup_gpu.sources.archives import open_archives, read_member
from fastdup_gpu.sources.base import ARCHIVE_SUFFIXES, IMAGE_EXTENSIONS, Box, Found, Source
from fastdup_gpu.sources.boxes import parse_bounding_box
from fastdup_gpu.sources.crops import cut
from fastdup_gpu.sources.folder import FileSource, read_file

__all__ = ["open_source", "read_by_name"]

_log = logging.getLogger(__name__)


def open_source(
    input_dir: object,
    *,
    work_dir: Path,
    tar_only: bool = False,
    bounding_box: str = "",
    threads: int = 0,
    kind: str = TRAIN,
) -> Source:
    """List an input, and cut it into boxes where it says so.

    `input_dir`: a folder, a picture, an archive, a text file of names, a csv with a column
    `filename` (with boxes: also `col_x,row_y,width,height`), a yolov5 yaml, or a list, tuple,
    iterator, array or Series of files and folders. Names stay as given or found. Folders are
    sorted by code point of the path, lists keep their order.

    `tar_only` takes the archives of the input and leaves its pictures; without it an input that
    holds both is refused. `bounding_box` is cut out of every picture. Crops go to
    `work_dir/crops`, with `threads` threads (0 = one a core), those of another `kind` than
    'atrain' to a folder of that name below it.

    Raises InvalidArgument for arguments that are wrong or do not fit each other, InputError for
    an input that is missing, unreadable or holds no picture, WorkDirError where crops cannot be
    written.
    """
    box = parse_bounding_box(bounding_box)
    found = lists.find(input_dir, work_dir)
    if box is not None and found.boxes is not None:
        raise InvalidArgument(
            f"bounding_box={bounding_box!r} was given together with the boxes of "
            f"{found.shown!r}; use one of them"
        )
    crops_dir = work_dir / CROPS_DIR / ("" if kind == TRAIN else kind)
    if found.boxes is not None:
        return _cut_listed(found, found.boxes, crops_dir, threads)
    source = _open(found, tar_only)
    if box is None:
        return source
    try:
        return cut(source, [(i, box) for i in range(len(source.names))], crops_dir, threads=threads)
    finally:
        source.close()


def read_by_name(name: str) -> bytes:
    """The bytes of a picture by its name in a result file: a path, or `{archive}/{member}`.

    Raises FileNotFoundError where there is no such file or member, OSError where it cannot be
    read.
    """
    try:
        return read_file(name)
    except (FileNotFoundError, NotADirectoryError):
        return read_member(name)


def _open(found: Found, tar_only: bool) -> Source:
    """Archives or files, never both."""
    if found.pictures and found.archives and not tar_only:
        raise InvalidArgument(
            f"input_dir: {found.shown!r} holds {len(found.pictures)} pictures and "
            f"{len(found.archives)} archives (e.g. {found.archives[0]!r}), which cannot be mixed; "
            "use turi_param='tar_only=1' to take the archives only, or point to one kind"
        )
    if found.archives:
        _note_left_out(found, len(found.pictures), "pictures, because of tar_only=1")
        _note_left_out(found, len(found.videos), "videos")
        return open_archives(found.archives)
    if found.pictures and not tar_only:
        _note_left_out(found, len(found.videos), "videos")
        return FileSource(found.pictures)
    raise _nothing(found, tar_only)


def _cut_listed(found: Found, boxes: list[Box | str], crops_dir: Path, threads: int) -> Source:
    """Cut the boxes of a csv, each picture opened once however its rows are spread."""
    pictures: dict[str, int] = {}
    asked = [
        (pictures.setdefault(name, len(pictures)), box)
        for name, box in zip(found.pictures, boxes, strict=True)
    ]
    if not asked:
        raise _nothing(found, False)
    return cut(FileSource(list(pictures)), asked, crops_dir, threads=threads)


def _note_left_out(found: Found, count: int, what: str) -> None:
    if count:
        _log.warning("%r: left out %d %s", found.shown, count, what)


def _nothing(found: Found, tar_only: bool) -> InputError:
    if found.videos:
        return InputError(
            f"input_dir: {found.shown!r} holds {len(found.videos)} video(s) and nothing else, but "
            "this release reads pictures, lists and archives; extract frames to a folder first"
        )
    wanted = ARCHIVE_SUFFIXES if tar_only else sorted(IMAGE_EXTENSIONS)
    left = f" and {len(found.pictures)} pictures that tar_only=1 leaves out" if tar_only else ""
    return InputError(
        f"input_dir: {found.shown!r} holds nothing to run on{left}; looked for names that end in "
        f"{', '.join(wanted)}"
    )
