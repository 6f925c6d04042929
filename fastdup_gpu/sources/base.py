"""What a source of pictures is: an ordered list of names, and a way to each one's bytes."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

# By name only, to pick files out of folders and archives; what a file *is* is read from its
# content. Siblings of the documented extensions, and others that mean a picture, count as well.
IMAGE_EXTENSIONS = frozenset(
    "jpg jpeg jpe jfif tiff tif giff gif heif heic bmp dib png webp "
    "avif jp2 j2k pbm pgm ppm pnm tga".split()
)
VIDEO_EXTENSIONS = frozenset("mp4 avi mov webm mkv m4v".split())
ARCHIVE_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".zip")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_SEPARATORS = ("/", os.sep)


@dataclass(frozen=True, slots=True)
class Part:
    """Items `first` to `last` (not included; None: to the end) of an input."""

    first: int = 0
    last: int | None = None

    def of(self, count: int) -> range:
        """Their positions among `count` items."""
        return range(*slice(self.first, self.last).indices(count))

    def after(self, count: int) -> Part:
        """The same items, counted from item `count`."""
        last = None if self.last is None else max(0, self.last - count)
        return Part(max(0, self.first - count), last)


ALL = Part()


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the picture as a viewer shows it, that is after EXIF orientation:
    columns x, rows y, from the top left."""

    col_x: int
    row_y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Crop:
    """One row of the crops csv: the picture, the box that was asked for, the file it went to.

    Where a detector found the box: the name of its class, and how sure it was (0 to 1).
    """

    index: int
    filename: str
    crop_filename: str
    box: Box
    label: str = ""
    score: float | None = None


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

    def path(self, index: int) -> str:
        """The plain file whose bytes `load` gives, "" where it does more than reading one."""
        ...

    def stamp(self, index: int) -> bytes:
        """What tells, without reading it, that picture `index` is still the same: size and time
        of its file or archive, the ETag of an object; b"" where nothing does."""
        ...

    def close(self) -> None:
        """Release open files."""
        ...


@dataclass(slots=True)
class Found:
    """What an input holds, before anything is opened.

    `shown`: the input as messages call it. `boxes`, where not None, has one entry for each of
    `pictures`: the box to cut out, or why the row that named it gives none. `etags`: those of
    remote pictures that a server listed.
    """

    shown: str
    pictures: list[str] = field(default_factory=list)
    archives: list[str] = field(default_factory=list)
    videos: list[str] = field(default_factory=list)
    boxes: list[Box | str] | None = None
    etags: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, *, any_extension: bool) -> None:
        """File a name under its kind; one of no known kind is a picture or nothing."""
        if has_image_extension(name):
            self.pictures.append(name)
        elif is_archive(name):
            self.archives.append(name)
        elif is_video(name):
            self.videos.append(name)
        elif any_extension:
            self.pictures.append(name)

    def extend(self, other: Found) -> None:
        """Append what another input holds."""
        self.pictures += other.pictures
        self.archives += other.archives
        self.videos += other.videos
        self.etags |= other.etags


def extension(name: str) -> str:
    """What follows the last dot, in lower case; '' without one."""
    _, dot, last = name.rpartition(".")
    return last.lower() if dot else ""


def has_image_extension(name: str) -> bool:
    """Whether a name ends like a picture."""
    return extension(name) in IMAGE_EXTENSIONS


def is_archive(name: str) -> bool:
    """Whether a name ends like a tar or zip archive."""
    return name.lower().endswith(ARCHIVE_SUFFIXES)


def is_video(name: str) -> bool:
    """Whether a name ends like a video."""
    return extension(name) in VIDEO_EXTENSIONS


def is_remote(name: str) -> bool:
    """Whether a name is a URL such as s3://, minio:// or https://."""
    return _SCHEME.match(name) is not None


def join(folder: str, name: str) -> str:
    """The path of `name` in `folder`, with the folder spelled as it was given."""
    return folder + name if folder.endswith(_SEPARATORS) else f"{folder}/{name}"
