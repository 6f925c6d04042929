"""What a source of pictures is: an ordered list of names, and a way to each one's bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

# By name only, to pick files out of folders and archives; what a file *is* is read from its
# content. `giff`, `jfif` and a few siblings of the documented extensions are taken as well.
IMAGE_EXTENSIONS = frozenset(
    "jpg jpeg jpe jfif tiff tif giff gif heif heic bmp dib png webp".split()
)
VIDEO_EXTENSIONS = frozenset("mp4 avi mov webm mkv m4v".split())
ARCHIVE_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".zip")


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the picture as stored: columns x, rows y, from the top left."""

    col_x: int
    row_y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Crop:
    """One row of the crops csv: the picture, the box that was asked for, the file it went to."""

    index: int
    filename: str
    crop_filename: str
    box: Box


class Source(Protocol):
    """An input, listed. Nothing is read but what listing needs.

    `names`: what the result files call each picture, in order; the position is its index.
    Names that are not UTF-8 on disk carry surrogate escapes (`os.fsdecode`).
    `sequential`: loads are cheap only in order (a compressed tar); the caller then loads from
    one thread, ascending. Otherwise `load` may be called from any thread in any order.
    `crops`: the crops behind the names, where pictures were cut into boxes; else empty.
    """

    names: Sequence[str]
    sequential: bool
    crops: Sequence[Crop]

    def load(self, index: int) -> bytes:
        """The encoded bytes of picture `index`; raises OSError (FileNotFoundError where it is
        gone, IsADirectoryError, PermissionError, ...) with a message for the bad-files list."""
        ...

    def close(self) -> None:
        """Release open files."""
        ...


def has_image_extension(name: str) -> bool:
    """Whether a name ends like a picture."""
    return Path(name).suffix[1:].lower() in IMAGE_EXTENSIONS


def is_archive(name: str) -> bool:
    """Whether a name ends like a tar or zip archive."""
    return name.lower().endswith(ARCHIVE_SUFFIXES)


def is_video(name: str) -> bool:
    """Whether a name ends like a video."""
    return Path(name).suffix[1:].lower() in VIDEO_EXTENSIONS
