"""Cut boxes out of pictures, each picture decoded once, and give the crops as a source."""

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
from typing import TYPE_CHECKING, overload

from fastdup_gpu._atomic import replaced
from fastdup_gpu._cpu import cores
from fastdup_gpu._errors import WorkDirError
from fastdup_gpu._progress import Advance, Counting, uncounted
from fastdup_gpu.formats.files import begin_csv
from fastdup_gpu.formats.names import CROPS_COLUMNS, CROPS_DIR, TRAIN
from fastdup_gpu.protocol import Refused, Status
from fastdup_gpu.reading import file_stamp, read_file
from fastdup_gpu.sources.base import Box, Crop, Source
from fastdup_gpu.sources.pixels import relaxed_limits, upright

if TYPE_CHECKING:
    from PIL import Image

JPEG_QUALITY = 95
STEM = 60
# Pictures handed to the threads at a time: few where their bytes are already in memory.
CHUNK, CHUNK_LOADED = 1024, 64
NO_BOX = Box(0, 0, 0, 0)

# Why a picture is not cut, told from other reasons after it was stored as text.
_SMALL = "{} bytes, min_file_size is {}"
_MISSING = os.strerror(errno.ENOENT)
_TOO_SMALL = re.compile(_SMALL.format(r"\d+", r"\d+"))

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """Cut `box` (or know why there is none) out of picture `picture` of a source into `path`."""

    index: int
    picture: int
    box: Box | str
    path: str


class _Paths(Sequence[str]):
    """The file of each item's crop, made when it is asked for: an input may have many more items
    than the part of it that is cut."""

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


class CropSource:
    """One item for each box; loading one that could not be cut raises the reason (Refused where
    the picture's file was too small), and one that was not asked for finds no file."""

    sequential = False

    def __init__(self, names: Sequence[str], crops: Sequence[Crop], failed: dict[int, str]) -> None:
        self.names = names
        self.crops = crops
        self._failed = failed

    def load(self, index: int) -> bytes:
        """The JPEG of crop `index`."""
        if index in self._failed:
            raise _refusal(self._failed[index])
        return read_file(self.names[index])

    def path(self, index: int) -> str:
        """The file of the crop."""
        return "" if index in self._failed else self.names[index]

    def stamp(self, index: int) -> bytes:
        """Of the file of the crop, which keeps its time where it is cut again with the same
        pixels."""
        return file_stamp(self.names[index])

    def close(self) -> None:
        """Nothing is held open."""


def _refusal(why: str) -> Exception:
    if why == _MISSING:
        return FileNotFoundError(errno.ENOENT, why)
    return Refused(Status.FILE_TOO_SMALL, why) if _TOO_SMALL.fullmatch(why) else OSError(why)


def crops_folder(work_dir: Path, kind: str) -> Path:
    """Where the crops of `kind` go: those of train and test never overwrite each other."""
    return work_dir / CROPS_DIR / ("" if kind == TRAIN else kind)


def cut(
    source: Source,
    names: Sequence[str],
    asked: Mapping[int, tuple[int, Box | str]],
    folder: Path,
    table: Path,
    *,
    threads: int = 0,
    min_file_size: int = 0,
    counting: Counting = uncounted,
) -> CropSource:
    """Cut the items `asked`, by their index: an index into `source` and a box, into JPEGs in
    `folder`. `names` are those of the pictures of all items, asked for or not.

    Boxes are in pixels after EXIF orientation and are clipped to the picture. Every crop is
    made anew (quality 95, full colour resolution) with `threads` threads, 0 = one a core; item
    i becomes `{i:07d}_{name of the picture}.jpg`. A box that gives no crop keeps its place.
    A picture of less than `min_file_size` bytes gives none. `table`: the csv of crops, which is
    there before the first of them. Raises WorkDirError where the folder cannot be written to.
    """
    paths = _Paths(folder, names)
    requests = [Request(i, picture, box, paths[i]) for i, (picture, box) in asked.items()]
    with writable(folder), counting("cut", len(requests)) as advance:
        begin_csv(table, CROPS_COLUMNS)
        failed = _cut_all(source, requests, threads or cores(), min_file_size, advance)
    if failed:
        index, why = next(iter(failed.items()))
        told = len(failed), len(asked), index, names[index], why
        _log.warning("%d of %d boxes gave no crop, e.g. box %d of %r: %s", *told)
    rows = [_row(names[request.index], request) for request in requests]
    return CropSource(paths, rows, failed)


@contextlib.contextmanager
def writable(folder: Path) -> Iterator[None]:
    """Make the folder of crops, and say what to do where it cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise WorkDirError(
            f"crops cannot be written to {str(folder)!r} ({error.strerror or error}); "
            "give a work_dir that you may write to, on a disk with room"
        ) from error


def file_name(index: int, name: str) -> str:
    """The name of the file of crop `index` out of the picture `name`, safe and ASCII."""
    stem = name.replace("\\", "/").rpartition("/")[2].rpartition(".")[0]
    return f"{index:07d}_{re.sub(r'[^A-Za-z0-9._-]+', '_', stem)[:STEM]}.jpg"


def _row(name: str, request: Request) -> Crop:
    box = request.box if isinstance(request.box, Box) else NO_BOX
    return Crop(request.index, name, request.path, box)


def _cut_all(
    source: Source, requests: Sequence[Request], threads: int, least: int, advance: Advance
) -> dict[int, str]:
    """Item -> why it has no crop."""
    failed: dict[int, str] = {}
    groups: dict[int, list[Request]] = {}
    for request in requests:
        groups.setdefault(request.picture, []).append(request)

    def work(data: bytes | str | None, group: list[Request]) -> dict[int, str]:
        data = fetch(source, group[0].picture, least) if data is None else data
        return _cut_picture(data, group)

    with relaxed_limits(), ThreadPoolExecutor(threads) as pool:
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
    """The bytes of a picture, or why they cannot be had or are too few."""
    try:
        data = source.load(picture)
    except OSError as error:
        return error.strerror or str(error)
    return _SMALL.format(len(data), min_file_size) if len(data) < min_file_size else data


def _cut_picture(data: bytes | str, group: list[Request]) -> dict[int, str]:
    """Write all crops of one picture; item -> why it has none."""
    if isinstance(data, str):
        return _write_all(data, group)
    with upright(data) as picture:
        return _write_all(picture, group)


def _write_all(picture: Image.Image | str, group: list[Request]) -> dict[int, str]:
    failed = {}
    for request in group:
        crop = picture if isinstance(picture, str) else encode(picture, request.box)
        if isinstance(crop, str):
            Path(request.path).unlink(missing_ok=True)  # of an earlier run, of another picture
            failed[request.index] = crop
        else:
            write(Path(request.path), crop)
    return failed


def encode(picture: Image.Image, box: Box | str) -> bytes | str:
    """The JPEG of a box, clipped to the picture, or why there is none."""
    if isinstance(box, str):
        return box
    left, top = max(box.col_x, 0), max(box.row_y, 0)
    right = min(box.col_x + box.width, picture.width)
    bottom = min(box.row_y + box.height, picture.height)
    if left >= right or top >= bottom:
        return f"{box} holds no pixel of a picture of {picture.width} x {picture.height}"
    jpeg = io.BytesIO()
    try:
        picture.crop((left, top, right, bottom)).save(
            jpeg, "JPEG", quality=JPEG_QUALITY, subsampling="4:4:4"
        )
    except (OSError, ValueError) as error:
        return f"{box} cannot be written as a JPEG: {error}"
    return jpeg.getvalue()


def write(path: Path, data: bytes) -> None:
    """Write a crop whole; one that stands there already keeps its time, by which resume tells
    that it is the same."""
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size == len(data) and path.read_bytes() == data:
            return
    with replaced(path, durable=False) as temporary:
        temporary.write_bytes(data)
