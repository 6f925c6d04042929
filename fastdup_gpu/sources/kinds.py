"""The kinds of files that an input may combine, and which of them are read."""

from __future__ import annotations

from fastdup_gpu._errors import InputError, InvalidArgument
from fastdup_gpu._words import count
from fastdup_gpu.sources.base import ARCHIVE_SUFFIXES, IMAGE_EXTENSIONS, VIDEO_EXTENSIONS, Found


def means_videos(found: Found, tar_only: bool) -> bool:
    """Whether an input stands for the frames of its videos."""
    return bool(found.videos) and not found.archives and (tar_only or not found.pictures)


def check_boxes(found: Found, bounding_box: str) -> None:
    """Raise InvalidArgument if boxes are given twice."""
    if bounding_box.strip() and found.boxes is not None:
        raise InvalidArgument(
            f"bounding_box={bounding_box!r} was given together with the boxes in "
            f"{found.shown!r}; give one of them"
        )


def check_kinds(found: Found, tar_only: bool) -> None:
    """Raise an error for archives and images together, and for an input without either."""
    if means_videos(found, tar_only):
        return
    if found.pictures and found.archives and not tar_only:
        raise InvalidArgument(
            f"input_dir: {found.shown!r} contains {count(len(found.pictures), 'image')} and "
            f"{count(len(found.archives), 'archive')} (e.g. {found.archives[0]!r}), which cannot "
            "be mixed; to read the images, move the archives elsewhere; for the archives alone, "
            "use turi_param='tar_only=1'"
        )
    pictures = [] if tar_only else found.pictures
    if not (found.archives or (pictures if found.boxes is None else found.boxes)):
        raise _nothing(found, tar_only)


def _nothing(found: Found, tar_only: bool) -> InputError:
    videos = sorted(VIDEO_EXTENSIONS)
    wanted = [*ARCHIVE_SUFFIXES, *videos] if tar_only else [*sorted(IMAGE_EXTENSIONS), *videos]
    left = f" (tar_only=1 leaves out {count(len(found.pictures), 'image')})" if tar_only else ""
    return InputError(
        f"input_dir: {found.shown!r} contains no supported files{left}; expected file names that "
        f"end in {', '.join(wanted)}"
    )
