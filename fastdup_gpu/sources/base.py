"""The interface of a source of images: an ordered list of names, and a way to read their bytes."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

# Extensions only select files in folders and archives; the format of a file is detected from its
# content. The list contains variants of the documented extensions and further ones of images.
IMAGE_EXTENSIONS = frozenset(
    "jpg jpeg jpe jfif tiff tif giff gif heif heic bmp dib png webp "
    "avif jp2 j2k pbm pgm ppm pnm tga".split()
)
VIDEO_EXTENSIONS = frozenset("mp4 avi mov webm mkv m4v".split())
ARCHIVE_SUFFIXES = tuple(".tar .tar.gz .tgz .tar.bz2 .tbz2 .tar.xz .txz .zip".split())
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_SEPARATORS = ("/", os.sep)


@dataclass(frozen=True, slots=True)
class Part:
    """Items `first` to `last` (excluded; None: to the end) of an input."""

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
    """A rectangle in pixels of the image as a viewer shows it, that is after EXIF orientation:
    columns x, rows y, from the top left."""

    col_x: int
    row_y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Crop:
    """One row of the csv of crops: the image, the requested box, and the file of the crop.

    `label` is that of the user's csv; if a detector found the box, it is the name of its class, and
    `score` its confidence, 0 to 1.
    """

    index: int
    filename: str
    crop_filename: str
    box: Box
    label: str | None = None
    score: float | None = None


class Source(Protocol):
    """An input that has been listed; only what listing needs has been read.

    `names`: the name of each image in the result files, in order; the position is its index.
    Names that are not UTF-8 on disk contain surrogate escapes (`os.fsdecode`).
    `sequential`: loads are cheap only in order (a compressed tar); the caller then loads from
    one thread, ascending. Otherwise `load` may be called from any thread in any order.
    `crops`: the crops behind the names, if images were cropped to boxes; else empty.
    """

    names: Sequence[str]
    sequential: bool
    crops: Sequence[Crop]

    def load(self, index: int) -> bytes:
        """The encoded bytes of image `index`; raises OSError (FileNotFoundError if it does not
        exist, IsADirectoryError, PermissionError, ...) with a message for the list of bad files."""
        ...

    def path(self, index: int) -> str:
        """The plain file that `load` reads; "" if it does more than reading a file."""
        ...

    def stamp(self, index: int) -> bytes:
        """What shows, without reading it, that image `index` is unchanged: size and time of its
        file or archive, or the ETag of an object; b"" if nothing does."""
        ...

    def close(self) -> None:
        """Release open files."""
        ...


@dataclass(slots=True)
class Found:
    """The content of an input, before anything is opened.

    `shown`: the input as messages show it. `boxes`, if not None, has one entry for each of
    `pictures`: the box to crop, or why its row has none; `labels`, if any, those of the boxes.
    `etags`: the ETags of remote images that a server listed.
    """

    shown: str
    pictures: list[str] = field(default_factory=list)
    archives: list[str] = field(default_factory=list)
    videos: list[str] = field(default_factory=list)
    boxes: list[Box | str] | None = None
    labels: Sequence[str] = ()
    etags: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, *, any_extension: bool) -> None:
        """Add a name to the list of its kind; a name of unknown kind counts as an image with
        `any_extension` and is ignored otherwise."""
        if has_image_extension(name):
            self.pictures.append(name)
        elif is_archive(name):
            self.archives.append(name)
        elif is_video(name):
            self.videos.append(name)
        elif any_extension:
            self.pictures.append(name)

    def extend(self, other: Found) -> None:
        """Append the content of another input."""
        self.pictures += other.pictures
        self.archives += other.archives
        self.videos += other.videos
        self.etags |= other.etags


def extension(name: str) -> str:
    """What follows the last dot, in lower case; '' without one."""
    _, dot, last = name.rpartition(".")
    return last.lower() if dot else ""


def has_image_extension(name: str) -> bool:
    """Whether a name has the extension of an image."""
    return extension(name) in IMAGE_EXTENSIONS


def is_archive(name: str) -> bool:
    """Whether a name has the extension of a tar or zip archive."""
    return name.lower().endswith(ARCHIVE_SUFFIXES)


def is_video(name: str) -> bool:
    """Whether a name has the extension of a video."""
    return extension(name) in VIDEO_EXTENSIONS


def is_remote(name: str) -> bool:
    """Whether a name is a URL such as s3://, minio:// or https://."""
    return _SCHEME.match(name) is not None


def join(folder: str, name: str) -> str:
    """The path of `name` in `folder`, with the folder as it was given."""
    return folder + name if folder.endswith(_SEPARATORS) else f"{folder}/{name}"
