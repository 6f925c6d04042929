"""Images -> crops of what a detector finds in them, with each image decoded once."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fastdup_gpu._errors import InputError
from fastdup_gpu._ordered import in_order
from fastdup_gpu._process_wide import pillow_unwarned
from fastdup_gpu._progress import Advance
from fastdup_gpu.reading import is_written
from fastdup_gpu.sources import crops
from fastdup_gpu.sources.base import Box, Crop, Source
from fastdup_gpu.sources.crops import crop_source
from fastdup_gpu.sources.folder import FileSource
from fastdup_gpu.sources.pixels import upright
from fastdup_gpu.stages.detections import Cutout, Record, Searched
from fastdup_gpu.stages.stamps import identities

if TYPE_CHECKING:
    from PIL import Image

    from fastdup_gpu.detection.detector import Detection, Detector

# Images in progress per thread; what they keep in memory is the JPEGs of their crops.
_AHEAD = 4

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DetectPlan:
    """Search the images of `part`; crops go to `folder`, the record of them to `record`.

    `margin_x`, `margin_y`: how far a crop extends beyond its box on each side, in widths and
    heights of the box. `resume`: keep what an earlier run with the same plan recorded. Images of
    less than `min_file_size` bytes are not searched.
    """

    part: range
    folder: Path
    record: Path
    margin_x: float
    margin_y: float
    threads: int
    resume: bool
    min_file_size: int = 0


@dataclass(slots=True)
class Detected:
    """`crops` in order of image, then of confidence; `failed`: why a crop has no file. Counts:
    `pictures` (images searched), `boxes`, and `without` (images without a box)."""

    crops: list[Crop] = field(default_factory=list)
    failed: dict[int, str] = field(default_factory=dict)
    pictures: int = 0
    boxes: int = 0
    without: int = 0

    def source(self) -> FileSource:
        """The crops as a source of images."""
        return crop_source([c.crop_filename for c in self.crops], self.crops, self.failed)


class _Cut(NamedTuple):
    """An image that was searched, and the JPEG of each of its boxes, None if that failed."""

    searched: Searched
    jpegs: list[bytes | None]


def detect(source: Source, detector: Detector, plan: DetectPlan, advance: Advance) -> Detected:
    """Search and crop; `advance(done, bad)` is told about progress.

    An image that cannot be read has one entry among the crops, and loading that raises the reason;
    an image in which nothing is found has none. Raises WorkDirError if crops cannot be written,
    InputError if no image has any.
    """
    done = Detected()
    record = Record(plan.record, _fingerprint(source, detector, plan), resume=plan.resume)
    with crops.writable(plan.folder), pillow_unwarned:
        kept = _take_up(source, record, plan, done, advance)
        record.begin(kept)
        try:
            rest = plan.part[len(kept) :]
            for cut in _search_all(source, detector, plan, rest):
                _write(source, cut, plan.folder, done)
                record.append(cut.searched)
                advance(1, int(bool(cut.searched.why)))
        finally:
            record.close()
    _report(done)
    if not done.crops:
        raise _nothing(done, detector)
    return done


def _take_up(
    source: Source, record: Record, plan: DetectPlan, done: Detected, advance: Advance
) -> list[Searched]:
    """The images, from the first on, whose crops an earlier run has written."""
    kept = []
    for picture, searched in zip(plan.part, record.stored(), strict=False):
        rows = _rows(source, searched, len(done.crops), plan.folder)
        there = all(why or is_written(Path(c.crop_filename)) for c, why in rows)
        if searched.picture != picture or not there:
            break
        _count(done, searched, rows)
        kept.append(searched)
        advance(1, int(bool(searched.why)))
    return kept


def _search_all(
    source: Source, detector: Detector, plan: DetectPlan, pictures: Iterable[int]
) -> Iterator[_Cut]:
    """Search each image on one thread; results come in order."""
    with ThreadPoolExecutor(plan.threads, thread_name_prefix="detect") as pool:

        def submit(picture: int) -> Future[_Cut]:
            data = None
            if source.sequential:
                data = crops.fetch(source, picture, plan.min_file_size)
            return pool.submit(_search, source, detector, plan, picture, data)

        yield from in_order(submit, pictures, plan.threads * _AHEAD)


def _search(
    source: Source, detector: Detector, plan: DetectPlan, picture: int, data: bytes | str | None
) -> _Cut:
    data = crops.fetch(source, picture, plan.min_file_size) if data is None else data
    if isinstance(data, str):
        return _Cut(Searched(picture, [], data), [])
    with upright(data) as pixels:
        if isinstance(pixels, str):
            return _Cut(Searched(picture, [], pixels), [])
        return _cut_found(detector, plan, picture, pixels)


def _cut_found(detector: Detector, plan: DetectPlan, picture: int, pixels: Image.Image) -> _Cut:
    boxes, jpegs = [], []
    for found in detector.detect(pixels):
        box = _with_margin(found, pixels.size, plan)
        jpeg = crops.encode(pixels, box)
        why = jpeg if isinstance(jpeg, str) else ""
        boxes.append(Cutout(box, found.label, round(found.score, 6), why))
        jpegs.append(jpeg if isinstance(jpeg, bytes) else None)
    return _Cut(Searched(picture, boxes), jpegs)


def _with_margin(found: Detection, size: tuple[int, int], plan: DetectPlan) -> Box:
    """The box with its margins in whole pixels, clipped to the image, at least one pixel."""
    across = plan.margin_x * (found.x2 - found.x1)
    down = plan.margin_y * (found.y2 - found.y1)
    left, right = _span(found.x1 - across, found.x2 + across, size[0])
    top, bottom = _span(found.y1 - down, found.y2 + down, size[1])
    return Box(left, top, right - left, bottom - top)


def _span(first: float, last: float, end: int) -> tuple[int, int]:
    low = min(max(round(first), 0), end - 1)
    return low, max(min(round(last), end), low + 1)


def _rows(source: Source, searched: Searched, first: int, folder: Path) -> list[tuple[Crop, str]]:
    """The crops of an image, numbered from `first`, each with the reason why it failed, or ''."""
    name = source.names[searched.picture]
    cutouts = searched.boxes
    if searched.why:
        cutouts = [Cutout(crops.NO_BOX, why=searched.why)]
    return [
        (Crop(i, name, str(folder / crops.file_name(i, name)), c.box, c.label, c.score), c.why)
        for i, c in enumerate(cutouts, start=first)
    ]


def _write(source: Source, cut: _Cut, folder: Path, done: Detected) -> None:
    rows = _rows(source, cut.searched, len(done.crops), folder)
    for (crop, _), jpeg in zip(rows, cut.jpegs or [None] * len(rows), strict=True):
        path = Path(crop.crop_filename)
        if jpeg is None:
            path.unlink(missing_ok=True)  # from an earlier run, of another image
        else:
            crops.write(path, jpeg)
    _count(done, cut.searched, rows)


def _count(done: Detected, searched: Searched, rows: Sequence[tuple[Crop, str]]) -> None:
    done.failed |= {crop.index: why for crop, why in rows if why}
    done.crops += [crop for crop, _ in rows]
    done.pictures += 1
    done.boxes += len(searched.boxes)
    done.without += not rows


def _report(done: Detected) -> None:
    _log.info(
        "%d images searched: %d boxes found, %d images without any",
        done.pictures,
        done.boxes,
        done.without,
    )
    if done.failed:
        number, why = next(iter(done.failed.items()))
        name = done.crops[number].filename
        told = len(done.failed), name, why
        _log.warning("%d item(s) could not be cropped; the first is in %r: %s", *told)


def _nothing(done: Detected, detector: Detector) -> InputError:
    used = detector.describe()
    return InputError(
        f"{used['file']} found nothing in {done.pictures} images (confidence of "
        f"{used['confidence']} or more); check that it is the right detector and that turi_param "
        "detector_confidence is not too high"
    )


def _fingerprint(source: Source, detector: Detector, plan: DetectPlan) -> str:
    """Hash of everything that determines what is found and where it is written."""
    digest = hashlib.sha256()
    for identity in identities(source, plan.part):
        digest.update(identity)
    kept = [str(plan.folder), plan.part.start, plan.margin_x, plan.margin_y, plan.min_file_size]
    digest.update(json.dumps([detector.describe(), kept], sort_keys=True).encode())
    return digest.hexdigest()
