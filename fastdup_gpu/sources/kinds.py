"""Which kinds of files an input may hold together, and what is taken of them."""

from __future__ import annotations

from fastdup_gpu._errors import InputError, InvalidArgument
from fastdup_gpu._words import count
from fastdup_gpu.sources.base import ARCHIVE_SUFFIXES, IMAGE_EXTENSIONS, VIDEO_EXTENSIONS, Found


def means_videos(found: Found, tar_only: bool) -> bool:
    """Whether the frames of the videos are what an input means."""
    return bool(found.videos) and not found.archives and (tar_only or not found.pictures)


def check_boxes(found: Found, bounding_box: str) -> None:
    """Refuse boxes that are given twice."""
    if bounding_box.strip() and found.boxes is not None:
        raise InvalidArgument(
            f"bounding_box={bounding_box!r} was given together with the boxes of "
            f"{found.shown!r}; use one of them"
        )


def check_kinds(found: Found, tar_only: bool) -> None:
    """Refuse archives and files together, and an input that holds nothing."""
    if means_videos(found, tar_only):
        return
    if found.pictures and found.archives and not tar_only:
        raise InvalidArgument(
            f"input_dir: {found.shown!r} holds {count(len(found.pictures), 'picture')} and "
            f"{count(len(found.archives), 'archive')} (e.g. {found.archives[0]!r}), which cannot "
            "be mixed; use turi_param='tar_only=1' to take the archives only, or point to one kind"
        )
    pictures = [] if tar_only else found.pictures
    if not (found.archives or (pictures if found.boxes is None else found.boxes)):
        raise _nothing(found, tar_only)


def _nothing(found: Found, tar_only: bool) -> InputError:
    videos = sorted(VIDEO_EXTENSIONS)
    wanted = [*ARCHIVE_SUFFIXES, *videos] if tar_only else [*sorted(IMAGE_EXTENSIONS), *videos]
    left = f" and {len(found.pictures)} pictures that tar_only=1 leaves out" if tar_only else ""
    return InputError(
        f"input_dir: {found.shown!r} holds nothing to run on{left}; looked for names that end in "
        f"{', '.join(wanted)}"
    )
