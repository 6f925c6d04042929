"""What all exports share: checking the files and labels given, and reading the images."""

from __future__ import annotations

import io
import logging
import math
import os
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from fastdup_gpu._arguments import path_text
from fastdup_gpu._errors import InputError, InvalidArgument
from fastdup_gpu._process_wide import pillow_unwarned
from fastdup_gpu.analysis.annotations import Corners, as_boxes, as_labels
from fastdup_gpu.analysis.label_sources import as_list, open_named
from fastdup_gpu.sources.base import extension
from fastdup_gpu.sources.by_name import read_each
from fastdup_gpu.sources.pixels import read_header

_NO_LETTER = re.compile("[\ud800-\udc7f\udd00-\udfff]")
_log = logging.getLogger(__name__)
LABELS = (
    "expected a label for each file, in their order, a dict or a callable by file name, one text "
    "for all, or None"
)
_ENDINGS = {"jpeg": ".jpg", "mpo": ".jpg", "tiff": ".tif"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One image to export: `position` in the list given, `name`, `labels`, and the `boxes` to which
    they belong; without boxes, the labels are those of the whole image."""

    position: int
    name: str
    labels: list[str]
    boxes: list[Corners]

    def objects(self) -> list[tuple[str, Corners | None]]:
        """Each label with its box, None for the whole image."""
        if not self.boxes:
            return [(label, None) for label in self.labels]
        labels = self.labels * len(self.boxes) if len(self.labels) == 1 else self.labels
        return list(zip(labels, self.boxes, strict=True))


@dataclass(frozen=True, slots=True)
class Picture:
    """An image that was read: its `entry`, its bytes as stored, its size in pixels when upright,
    and the usual `extension` of its format (with the dot)."""

    entry: Entry
    data: bytes
    width: int
    height: int
    extension: str


def entries(files: object, labels: object, boxes: object) -> list[Entry]:
    """Files, labels and boxes as given to an export.

    Labels come in the order of the files, or by name (a mapping, a callable); a single text
    applies to all files. One label may be None or a list. Boxes are a list with those of each file,
    x1, y1, x2, y2, or None; a file with boxes has a label for each, or one for all. Raises
    InvalidArgument for anything else.
    """
    names = file_names("files", files)
    one_for_all = labels is None or isinstance(labels, str)
    own = [labels] * len(names) if one_for_all else _labels_of(names, labels)
    if len(own) != len(names):
        raise InvalidArgument(
            f"labels has {len(own)} entries for {len(names)} files; give one for each file"
        )
    texts = [[writable(text) for text in as_labels(label)] for label in own]
    triples = zip(names, texts, _boxes_of(names, boxes), strict=True)
    return [_entry(i, *triple) for i, triple in enumerate(triples)]


def _entry(position: int, name: str, labels: list[str], boxes: list[Corners]) -> Entry:
    if boxes and len(labels) not in (1, len(boxes)):
        raise InvalidArgument(
            f"{name!r} has {len(boxes)} boxes and {len(labels)} labels; give one label for each "
            "box, or one for all"
        )
    return Entry(position, name, labels, boxes)


def _boxes_of(names: Sequence[str], boxes: object) -> list[list[Corners]]:
    if boxes is None:
        return [[] for _ in names]
    given = as_list(boxes, "boxes", "expected a list with the boxes of each file, or None")
    if len(given) != len(names):
        raise InvalidArgument(f"boxes has {len(given)} entries for {len(names)} files")
    return [_sound(as_boxes(own, n, _exact), n) for own, n in zip(given, names, strict=True)]


def _exact(side: Any) -> float:
    """A whole number as such, others as they are: boxes may have fractions of pixels."""
    number = float(side)
    return int(number) if number.is_integer() or not math.isfinite(number) else number


def _sound(boxes: list[Corners], name: str) -> list[Corners]:
    for box in boxes:
        if not (box[0] < box[2] and box[1] < box[3]):
            raise InvalidArgument(
                f"the box {list(box)} of {name!r} has no area; expected x1, y1, x2, y2 with "
                "x1 < x2 and y1 < y2"
            )
    return boxes


def writable(label: str) -> str:
    """A label that can be written to a file: surrogates that represent no byte become '?'."""
    return _NO_LETTER.sub("?", label)


def file_names(argument: str, given: object) -> list[str]:
    """A list of names, or a single one; raises InvalidArgument for one that is not a path."""
    single = isinstance(given, str | os.PathLike)
    listed = [given] if single else as_list(given, argument, "expected a list of file names")
    return [path_text(f"{argument}[{i}]", name) for i, name in enumerate(listed)]


def _labels_of(names: Sequence[str], labels: object) -> list[Any]:
    source = open_named(labels, "labels")
    column = isinstance(labels, pd.Series)  # maybe beside the column of the files
    if source is None or (column and not source.knows_any(names)):
        return as_list(labels, "labels", LABELS)
    source.check(names)
    return [source.find(name) for name in names]


def read_all(asked: Sequence[Entry]) -> Iterator[Picture]:
    """The images that can be read, one at a time; logs a warning for each of the others. Raises
    InputError if none can be read."""
    count = 0
    for entry, data in zip(asked, read_each([entry.name for entry in asked]), strict=True):
        picture = _picture(entry, data)
        if isinstance(picture, str):
            _log.warning("left out of the export: %r (%s)", entry.name, picture)
            continue
        count += 1
        yield picture
    if not count:
        raise InputError(f"none of the {len(asked)} files can be read, so nothing was exported")


def class_names(asked: Iterable[Entry]) -> list[str]:
    """All labels, sorted."""
    return sorted({label for entry in asked for label in entry.labels})


def color_of(label: str) -> str:
    """A fixed colour for each label, as #rrggbb, bright enough on black."""
    bits = zlib.crc32(label.encode("utf-8", "surrogateescape"))
    return "#" + "".join(f"{64 + (bits >> shift) % 192:02x}" for shift in (0, 8, 16))


def _picture(entry: Entry, data: bytes | Exception) -> Picture | str:
    """The image, or the reason why it cannot be read."""
    if isinstance(data, Exception):
        return f"{type(data).__name__}: {data}"
    with pillow_unwarned:
        header = read_header(io.BytesIO(data))
    if isinstance(header, str):
        return header
    kind = header.format.lower() or extension(entry.name)
    return Picture(entry, data, header.width, header.height, _ENDINGS.get(kind, f".{kind}"))
