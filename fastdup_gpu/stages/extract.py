"""Images -> features, statistics and the list of bad files, with checkpoints."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from fastdup_gpu._atomic import explained
from fastdup_gpu._errors import ConnectionLost, InputError, shown
from fastdup_gpu._progress import Advance
from fastdup_gpu._words import count
from fastdup_gpu.formats import names, stale
from fastdup_gpu.formats.checkpoint import ExtractionFiles
from fastdup_gpu.formats.files import read_column
from fastdup_gpu.formats.items import Digests, forget_items, open_earlier, write_items
from fastdup_gpu.protocol import (
    Backend,
    Embedder,
    Encoded,
    Extracted,
    Outcome,
    PixelPlan,
    Status,
)
from fastdup_gpu.sources.base import Source
from fastdup_gpu.stages.stamps import digests
from fastdup_gpu.stages.takeover import Takeover

Wanted = Literal["none", "basic", "advanced"]


# Seconds between two commits: what a kill loses. The fsync of four files runs beside the work.
_COMMIT_SECONDS = 1.0
_TOLD = 10  # number of reasons for bad images that are logged

_log = logging.getLogger("fastdup_gpu")


@dataclass(frozen=True, slots=True)
class ExtractPlan:
    """What to extract: items [`first`, `last`) of the source, in batches of `batch_size`."""

    folder: Path
    kind: str
    first: int
    last: int
    batch_size: int
    wanted: Wanted
    threads: int
    resume: bool
    min_file_size: int = 0


@dataclass(frozen=True, slots=True)
class ExtractResult:
    """`rows`: number of good images. `bad`: counts by error code. `resumed_at`: items that were
    already done; `taken_over`: items after these whose results are those of an earlier extraction
    of other images."""

    rows: int
    bad: dict[str, int]
    resumed_at: int
    taken_over: int

    @property
    def left_out(self) -> str:
        """'2 of 4 images left out: 1 ERROR_IMAGE_TOO_SMALL, 1 ERROR_ZERO_SIZE_FILE'."""
        number = sum(self.bad.values())
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.bad.items())
        return f"{number:,} of {self.rows + number:,} images left out: {reasons}"


def stats_columns(wanted: Wanted) -> tuple[str, ...]:
    """The columns of the csv of statistics; () if none is written."""
    known = {"basic": names.STATS_COLUMNS, "advanced": names.STATS_COLUMNS_ADVANCED}
    return known.get(wanted, ())


def extract(
    backend: Backend,
    source: Source,
    model: Embedder,
    plan: ExtractPlan,
    advance: Advance,
) -> ExtractResult:
    """Extract and write the files of `plan.kind`; `advance(done, bad)` is told about progress."""
    files = ExtractionFiles(plan.folder, plan.kind, stats_columns(plan.wanted))
    made_by: list[object] = [backend.name, model.runs_on, model.spec.sha256, model.spec.normalize]
    made_by += [model.dim, model.height, model.width, plan.wanted, plan.min_file_size]
    settings = _hash(made_by)
    _check_there(source, plan)
    items = digests(source, range(plan.first, plan.last))
    begun = files.begin(_fingerprint(settings, items, plan), resume=plan.resume)
    resumed_at, taken_over = files.position, 0
    advance(files.position, files.bad)
    if begun:
        known = _known(settings, items, files, plan) if plan.resume else None
        if not resumed_at:
            stale.clear(plan.folder, plan.kind, keep_features=known is not None)
        with explained(plan.folder), contextlib.closing(files):
            _extract_rest(backend, source, model, plan, files, advance, known)
            forget_items(plan.folder, plan.kind)
            files.finish()
        if known is not None:
            taken_over = len(known.rows) - len(known.unknown)
    with explained(plan.folder):
        write_items(
            plan.folder, plan.kind, settings, items, plan.first, with_stats=bool(files.columns)
        )
    bad = _bad_by_reason(plan.folder, plan.kind)
    return ExtractResult(files.rows, bad, resumed_at, taken_over)


def _check_there(source: Source, plan: ExtractPlan) -> None:
    """Raise InputError if the images are files of which none exists, as where a disk is not
    mounted: the results of an earlier extraction are not given up for that."""
    earlier = plan.folder / names.FEATURES.format(kind=plan.kind)
    if not earlier.is_file() or not earlier.stat().st_size:
        return
    paths = map(source.path, range(plan.first, plan.last))
    if not any(not path or os.path.lexists(path) for path in paths):
        raise InputError(
            f"none of the {count(plan.last - plan.first, 'image')} exists, such as "
            f"{shown(source.names[plan.first])}; the results in {str(plan.folder)!r} stay as they "
            "are. Mount the disk of the images, correct their list, or give another work_dir"
        )


def _known(
    settings: str, items: Digests, files: ExtractionFiles, plan: ExtractPlan
) -> Takeover | None:
    """What an earlier extraction, of other images, knows of the items that are not done yet."""
    earlier = open_earlier(plan.folder, plan.kind, settings, files.pixel_columns)
    if earlier is None:
        return None
    rows = earlier.find(items[files.position :])
    known = int(np.count_nonzero(rows >= 0))
    _log.info("%d of %d images are the same as in the earlier run", known, len(rows))
    return Takeover(earlier, plan.first + files.position, rows) if known else None


def _extract_rest(
    backend: Backend,
    source: Source,
    model: Embedder,
    plan: ExtractPlan,
    files: ExtractionFiles,
    advance: Advance,
    known: Takeover | None,
) -> None:
    pixels = PixelPlan(model.height, model.width, min_file_size=plan.min_file_size)
    wanted = known.unknown if known else range(plan.first + files.position, plan.last)
    batches = _batches(source, wanted, plan.batch_size)
    results = backend.extract(batches, pixels, model, wanted=plan.wanted, threads=plan.threads)
    if known is not None:
        results = known.merged(results)
    committed = time.monotonic()
    reasons = _Reasons()
    for result in _until_lost(results, files):
        bad_before = files.bad
        filenames = [source.names[o.index] for o in result.outcomes]
        files.append(filenames, result.outcomes, result.features, result.stats)
        if files.bad > bad_before:
            reasons.add(filenames, result.outcomes)
        advance(len(result.outcomes), files.bad - bad_before)
        if time.monotonic() - committed >= _COMMIT_SECONDS:
            files.commit()
            committed = time.monotonic()
    reasons.tell()


class _Reasons:
    """Why images were refused, in more detail than the error codes: for the log."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[Status, str]] = Counter()
        self._examples: dict[tuple[Status, str], str] = {}

    def add(self, filenames: Sequence[str], outcomes: Sequence[Outcome]) -> None:
        """Add the reasons in a batch."""
        for filename, outcome in zip(filenames, outcomes, strict=True):
            if outcome.status is not Status.OK:
                reason = outcome.status, outcome.detail
                self._counts[reason] += 1
                self._examples.setdefault(reason, filename)

    def tell(self) -> None:
        """Log the most frequent ones, as a warning if the error code says little."""
        for reason, times in self._counts.most_common(_TOLD):
            status, why = reason
            level = logging.WARNING if status is Status.UNREADABLE else logging.INFO
            example = shown(self._examples[reason])
            _log.log(level, "%s, %d time(s), such as %s: %s", status.value, times, example, why)


def _until_lost(results: Iterator[Extracted], files: ExtractionFiles) -> Iterator[Extracted]:
    """The results; if the server of the images is gone, the previous ones are committed first."""
    try:
        yield from results
    except ConnectionLost:
        files.commit()
        raise


def _batches(source: Source, wanted: Sequence[int], size: int) -> Iterator[list[Encoded]]:
    """Commits are between batches, so a resumed run forms the same ones."""
    make = _read_now if source.sequential else _read_later
    for begin in range(0, len(wanted), size):
        yield [make(source, i) for i in wanted[begin : begin + size]]


def _read_later(source: Source, index: int) -> Encoded:
    return Encoded(index, lambda: source.load(index), source.path(index))


def _read_now(source: Source, index: int) -> Encoded:
    """For sources that are read in order by one thread."""
    try:
        data = source.load(index)
    except OSError as error:
        return Encoded(index, _raiser(error))
    return Encoded(index, lambda: data)


def _raiser(error: OSError) -> Callable[[], bytes]:
    def fail() -> bytes:
        raise error

    return fail


def _fingerprint(settings: str, items: Digests, plan: ExtractPlan) -> str:
    """Hash of everything that determines the content of the files."""
    return _hash(
        [settings, hashlib.sha256(items.tobytes()).hexdigest(), plan.first, plan.batch_size]
    )


def _hash(content: list[object]) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _bad_by_reason(folder: Path, kind: str) -> dict[str, int]:
    path = folder / names.BAD_CSV.format(kind=kind)
    return dict(sorted(Counter(read_column(path, "error_code")).items()))
