"""The images of a page: each once, with what is known about it."""

from __future__ import annotations

import io
import logging
import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from fastdup_gpu.analysis.annotations import Corners, as_labels, read_boxes
from fastdup_gpu.analysis.facts import Facts
from fastdup_gpu.analysis.label_order import Order, names_of_run
from fastdup_gpu.analysis.label_sources import open_labels
from fastdup_gpu.analysis.places import placed_by
from fastdup_gpu.formats import results
from fastdup_gpu.galleries.options import Options
from fastdup_gpu.galleries.readers import Reader
from fastdup_gpu.galleries.select import LabelsOf, call_text
from fastdup_gpu.galleries.thumbs import SMALL, Thumb, make_thumbs, size_for
from fastdup_gpu.sources.pixels import read_header

_log = logging.getLogger(__name__)

_OTHER = re.compile("[\ud800-\udfff]")  # bytes of a name that are not UTF-8


class Album:
    """Images in the order they were added; a view refers to them by position.

    `work_dir` is where statistics and the settings of the run are looked up, None if unknown;
    labels without names are then in the order `own`.
    """

    def __init__(self, options: Options, work_dir: Path | None, own: Order | None = None) -> None:
        self.options = options
        self.work_dir = work_dir
        self.names: list[str] = []
        self._index: dict[str, int] = {}
        self._large: set[int] = set()
        self._labels: dict[str, Sequence[str]] = {}
        self._source = open_labels(options.get_label_func, work_dir, own)
        self._path_of = placed_by(work_dir)
        self.read = Reader(options.input_dir, work_dir)

    def add(self, name: str, *, small: bool = False) -> int:
        """The position of an image, the same however often it is added. An image that is only
        added as `small` gets a tiny thumbnail."""
        index = self._index.setdefault(name, len(self.names))
        if index == len(self.names):
            self.names.append(name)
        if not small:
            self._large.add(index)
        return index

    def labels(self, filenames: Sequence[str]) -> LabelsOf | None:
        """The labels of these files by name; None if the caller gave none. Raises
        InvalidArgument if neither one of them nor any other image of the run is known."""
        if self._source is None:
            return None
        self._source.check(filenames, self.work_dir)
        return {name: self._labels_of(name) for name in filenames}

    def labels_everywhere(self) -> Iterable[Sequence[str]]:
        """The labels of all images of the run, if it is known."""
        return (self.labels(names_of_run(self.work_dir)) or {}).values()

    def facts(self, name: str) -> Facts:
        """Pixels, bytes and sharpness from the statistics of the run, or from the file itself."""
        if name in self._stats:
            width, height, size, blur = self._stats[name]
            found = Facts(name, int(width * height), int(size), float(blur))
        else:
            found = self._facts_of_file(name)
        is_link = os.path.islink(self._path_of(name))  # noqa: PTH114  remote names are not paths
        return replace(found, is_link=is_link, of_test=name in self._of_test)

    def pictures(self, thumbs: Sequence[Thumb]) -> list[dict[str, Any]]:
        """What the page knows about each image. Keys are short, as pages may have thousands of
        images: n name, d shown name, t full name, l labels, w h pixels, b bytes, q sharpness, x
        extra column, hex the bytes of a name that is not UTF-8, why the image is missing."""
        start = common_folder(self.names)
        pairs = zip(self.names, thumbs, strict=True)
        return [self._picture(name, thumb, start) for name, thumb in pairs]

    def thumbs(self) -> list[Thumb]:
        """The thumbnails, whose size depends on their number."""
        boxes = self._boxes()
        large = size_for(len(self._large))
        sizes = [large if i in self._large else SMALL for i in range(len(self.names))]
        return make_thumbs(self.names, sizes, boxes, self.read)

    def _boxes(self) -> Callable[[str], list[Corners]] | None:
        given = self.options.get_bounding_box_func
        boxes = read_boxes(given, self.work_dir)
        if boxes and not callable(given) and self.names and not any(map(boxes, self.names)):
            _log.warning(
                "get_bounding_box_func has no box for any of the %d images shown, such as %r",
                len(self.names),
                self.names[0],
            )
        return boxes

    def _picture(self, name: str, thumb: Thumb, start: int) -> dict[str, Any]:
        options, found = self.options, {"n": shown(name), "d": shown(name[start:])}
        argument, function = options.naming
        if function is not None:
            text = call_text(function, name, argument)
            found |= {"d": shown(text), "t": shown(name)}
        elif start:
            found["t"] = shown(name)
        width, height, size, blur = self._stats.get(name, (thumb.width, thumb.height, 0, None))
        details: dict[str, Any] = {"w": int(width), "h": int(height), "b": int(size)}
        if blur is not None:
            details["q"] = round(float(blur), 1)
        if self._labels_of(name):
            details["l"] = [shown(label) for label in self._labels_of(name)]
        if options.get_extra_col_func:
            details["x"] = shown(call_text(options.get_extra_col_func, name, "get_extra_col_func"))
        if not is_utf8(name):
            details["hex"] = name.encode("utf-8", "surrogateescape").hex()
        if thumb.why:
            details["why"] = shown(thumb.why)
        return found | details

    def _labels_of(self, name: str) -> Sequence[str]:
        """The labels of an image, looked up once; none if the caller gave none."""
        if name not in self._labels and self._source is not None:
            labels = as_labels(self._source.find(name))
            words = self.options.split_sentence_to_label_list
            self._labels[name] = [w for text in labels for w in text.split()] if words else labels
        return self._labels.get(name, ())

    @cached_property
    def _stats(self) -> dict[str, tuple[float, float, float, float]]:
        table = None if self.work_dir is None else results.read_all_stats(self.work_dir)
        wanted = ("width", "height", "file_size", "blur")
        if table is None or not set(wanted) <= set(table):
            return {}
        columns = [table[c].tolist() for c in wanted]
        return dict(zip(table["filename"], zip(*columns, strict=True), strict=True))

    @cached_property
    def _of_test(self) -> set[str]:
        """The images of test_dir, which the run compared with the others."""
        return set() if self.work_dir is None else set(results.read_test_filenames(self.work_dir))

    def _facts_of_file(self, name: str) -> Facts:
        try:
            data = self.read(name)
        except (OSError, ValueError):  # an unreadable file ranks last
            return Facts(name)
        header = read_header(io.BytesIO(data))
        if isinstance(header, str):
            return Facts(name)
        return Facts(name, header.width * header.height, len(data))


def is_utf8(name: str) -> bool:
    """Whether a name came from UTF-8 bytes."""
    return _OTHER.search(name) is None


def shown(text: str) -> str:
    """A text that a page can contain: bytes that are not UTF-8 become U+FFFD."""
    return _OTHER.sub("\ufffd", text)


def common_folder(filenames: Sequence[str]) -> int:
    """The length of the folder that all names have in common, its last separator included."""
    start = os.path.commonprefix(filenames)  # noqa: RUF071  cut at a separator next
    return max(start.rfind("/"), start.rfind(os.sep)) + 1
