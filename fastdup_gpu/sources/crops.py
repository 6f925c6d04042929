"""Crops images to boxes, decoding each image once, and provides the crops as a source."""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import overload

from PIL import Image

from fastdup_gpu._atomic import replaced
from fastdup_gpu._cpu import cores
from fastdup_gpu._errors import WorkDirError
from fastdup_gpu._process_wide import pillow_unwarned
from fastdup_gpu._progress import Advance, Counting, uncounted
from fastdup_gpu._words import plain_stem
from fastdup_gpu.formats.files import begin_csv
from fastdup_gpu.formats.names import CROPS_COLUMNS, CROPS_DIR, TRAIN
from fastdup_gpu.protocol import Refused, Status
from fastdup_gpu.sources.base import Box, Crop, Source
from fastdup_gpu.sources.folder import FileSource
from fastdup_gpu.sources.pixels import upright

JPEG_QUALITY = 95
# Images passed to the threads at a time: fewer if their bytes are already in memory.
CHUNK, CHUNK_LOADED = 1024, 64
NO_BOX = Box(0, 0, 0, 0)

# Reasons that are recognised again after they were stored as text.
_SMALL = "{} bytes, min_file_size is {}"
_MISSING = os.strerror(errno.ENOENT)
_TOO_SMALL = re.compile(_SMALL.format(r"\d+", r"\d+"))

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """Crop `box` (or the reason why there is none) from image `picture` of a source to `path`."""

    index: int
    picture: int
    box: Box | str
    path: str


class _Paths(Sequence[str]):
    """The path of each item's crop, computed on demand: an input may have many more items than the
    part that is cropped."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self._start = f"{folder}{os.sep}"
        self._names = names

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        places = range(len(self))[index]
        return self._path(places) if isinstance(places, int) else [*map(self._path, places)]

    def _path(self, index: int) -> str:
        return self._start + file_name(index, self._names[index])


def crop_source(
    names: Sequence[str], crops: Sequence[Crop], failed: Mapping[int, str]
) -> FileSource:
    """One item for each box. Loading an item that could not be cropped raises the reason (Refused
    if the file of the image was too small); an item that was not requested has no file."""
    return FileSource(names, crops, {index: _refusal(why) for index, why in failed.items()})


def _refusal(why: str) -> Exception:
    if why == _MISSING:
        return FileNotFoundError(errno.ENOENT, why)
    return Refused(Status.FILE_TOO_SMALL, why) if _TOO_SMALL.fullmatch(why) else OSError(why)


def crops_folder(work_dir: Path, kind: str) -> Path:
    """The folder for crops of `kind`: those of train and test never overwrite each other."""
    return work_dir / CROPS_DIR / ("" if kind == TRAIN else kind)


def cut(
    source: Source,
    names: Sequence[str],
    asked: Mapping[int, tuple[int, Box | str]],
    folder: Path,
    table: Path,
    *,
    labels: Sequence[str] = (),
    threads: int = 0,
    min_file_size: int = 0,
    counting: Counting = uncounted,
) -> FileSource:
    """Write crops as JPEGs to `folder`. `asked`: item -> index of its image in `source`, and its
    box. `names`, `labels`: those of the images of all items, requested or not; () = no labels.

    Boxes are in pixels after EXIF orientation and are clipped to the image. All crops are written
    again (quality 95, full colour resolution) by `threads` threads, 0 = one per core; item i
    becomes `{i:07d}_{name of the image}.jpg`. A box without a crop keeps its position. An image of
    less than `min_file_size` bytes is not cropped. `table`: the csv of crops, which is created
    before the first of them. Raises WorkDirError if the folder cannot be written to.
    """
    paths = _Paths(folder, names)
    requests = [Request(i, picture, box, paths[i]) for i, (picture, box) in asked.items()]
    with writable(folder), counting("cut", len(requests)) as advance:
        begin_csv(table, CROPS_COLUMNS)
        failed = _cut_all(source, requests, threads or cores(), min_file_size, advance)
    if failed:
        index, why = next(iter(failed.items()))
        told = len(failed), len(asked), index, names[index], why
        _log.warning("%d of %d boxes could not be cropped, e.g. box %d in %r: %s", *told)
    rows = [_row(names[r.index], labels[r.index] if labels else None, r) for r in requests]
    return crop_source(paths, rows, failed)


@contextlib.contextmanager
def writable(folder: Path) -> Iterator[None]:
    """Create the folder of crops; a WorkDirError says what to do if it cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise WorkDirError(
            f"crops cannot be written to {str(folder)!r} ({error.strerror or error}); "
            "give a work_dir with write permission and free space"
        ) from error


def file_name(index: int, name: str) -> str:
    """A safe ASCII file name for crop `index`, from the image `name`."""
    return f"{index:07d}_{plain_stem(name)}.jpg"


def _row(name: str, label: str | None, request: Request) -> Crop:
    box = request.box if isinstance(request.box, Box) else NO_BOX
    return Crop(request.index, name, request.path, box, label)


def _cut_all(
    source: Source, requests: Sequence[Request], threads: int, least: int, advance: Advance
) -> dict[int, str]:
    """Write all crops; returns item -> why it has none."""
    failed: dict[int, str] = {}
    groups: dict[int, list[Request]] = {}
    for request in requests:
        groups.setdefault(request.picture, []).append(request)

    def work(data: bytes | str | None, group: list[Request]) -> dict[int, str]:
        data = fetch(source, group[0].picture, least) if data is None else data
        return _cut_picture(data, group)

    with pillow_unwarned, ThreadPoolExecutor(threads) as pool:
        for part in _chunks(groups.values(), CHUNK_LOADED if source.sequential else CHUNK):
            data = [fetch(source, g[0].picture, least) if source.sequential else None for g in part]
            for group, failures in zip(part, pool.map(work, data, part), strict=True):
                failed.update(failures)
                advance(len(group), len(failures))
    return dict(sorted(failed.items()))


def _chunks(groups: Iterable[list[Request]], size: int) -> Iterator[list[list[Request]]]:
    waiting = iter(groups)
    while part := list(islice(waiting, size)):
        yield part


def fetch(source: Source, picture: int, min_file_size: int = 0) -> bytes | str:
    """The bytes of an image, or why they cannot be read or are too few."""
    try:
        data = source.load(picture)
    except OSError as error:
        return error.strerror or str(error)
    return _SMALL.format(len(data), min_file_size) if len(data) < min_file_size else data


def _cut_picture(data: bytes | str, group: list[Request]) -> dict[int, str]:
    """Write all crops of one image; returns item -> why it has none."""
    if isinstance(data, str):
        return _write_all(data, group)
    with upright(data) as picture:
        return _write_all(picture, group)


def _write_all(picture: Image.Image | str, group: list[Request]) -> dict[int, str]:
    failed = {}
    for request in group:
        crop = picture if isinstance(picture, str) else encode(picture, request.box)
        if isinstance(crop, str):
            Path(request.path).unlink(missing_ok=True)  # from an earlier run, of another image
            failed[request.index] = crop
        else:
            write(Path(request.path), crop)
    return failed


def encode(picture: Image.Image, box: Box | str) -> bytes | str:
    """The JPEG of a box, clipped to the image, or why there is none."""
    if isinstance(box, str):
        return box
    left, top = max(box.col_x, 0), max(box.row_y, 0)
    right = min(box.col_x + box.width, picture.width)
    bottom = min(box.row_y + box.height, picture.height)
    if left >= right or top >= bottom:
        return f"{box} lies outside the image of {picture.width} x {picture.height} pixels"
    jpeg = io.BytesIO()
    try:
        picture.crop((left, top, right, bottom)).save(
            jpeg, "JPEG", quality=JPEG_QUALITY, subsampling="4:4:4"
        )
    except (OSError, ValueError) as error:
        return f"{box} cannot be written as a JPEG: {error}"
    return jpeg.getvalue()


def write(path: Path, data: bytes) -> None:
    """Write a crop; an existing one with the same content keeps its time, so that resume
    recognises it as unchanged."""
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size == len(data) and path.read_bytes() == data:
            return
    with replaced(path, durable=False) as temporary:
        temporary.write_bytes(data)
