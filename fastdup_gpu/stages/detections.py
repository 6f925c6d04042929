"""The record of what a detector found, image by image, from which a killed run continues."""

from __future__ import annotations

import json
import operator
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fastdup_gpu.formats.files import TEXT, parse_json, replacing
from fastdup_gpu.sources.base import Box

# Number of images after which the record is flushed to disk.
_SYNC_EVERY = 64


@dataclass(frozen=True, slots=True)
class Cutout:
    """One box, clipped to its image; `why` says why it could not be cropped."""

    box: Box
    label: str = ""
    score: float | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Searched:
    """An image by its position in the input list; `why` says why it could not be read."""

    picture: int
    boxes: list[Cutout]
    why: str = ""


class Record:
    """Json lines: first the fingerprint of the content, then one `Searched` per line, in order.

    With `resume`, `path` is read if its first line has the same `fingerprint`; otherwise it is
    started again. An incomplete last line of a killed run is dropped.
    """

    def __init__(self, path: Path, fingerprint: str, *, resume: bool) -> None:
        self._path = path
        self._head = json.dumps({"fingerprint": fingerprint}) + "\n"
        self._resume = resume
        self._waiting = 0

    def stored(self) -> Iterator[Searched]:
        """What an earlier run found; pass the entries to keep to `begin`."""
        if not self._resume:
            return
        try:
            with self._path.open(**TEXT) as stream:  # type: ignore[call-overload]
                if stream.readline() != self._head:
                    return
                for line in stream:
                    yield _parse(line)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError):
            return

    def begin(self, kept: list[Searched]) -> None:
        """Write what is kept of an earlier run, and open the file for more."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self._path) as stream:
            stream.write(self._head)
            stream.writelines(map(_line, kept))
        self._stream = self._path.open("a", **TEXT)  # type: ignore[call-overload]

    def append(self, searched: Searched) -> None:
        """Store one image, whose crops have been written."""
        self._stream.write(_line(searched))
        self._stream.flush()
        self._waiting += 1
        if self._waiting >= _SYNC_EVERY:
            self._sync()

    def _sync(self) -> None:
        os.fsync(self._stream.fileno())
        self._waiting = 0

    def close(self) -> None:
        """Flush the rest to disk and close the file."""
        self._sync()
        self._stream.close()


def _line(searched: Searched) -> str:
    return json.dumps(asdict(searched)) + "\n"


def _parse(line: str) -> Searched:
    found: dict[str, Any] = parse_json(line)
    boxes = [_cutout(**cutout) for cutout in found["boxes"]]
    return Searched(operator.index(found["picture"]), boxes, _text(found["why"]))


def _cutout(box: dict[str, int], label: str, score: float | None, why: str) -> Cutout:
    sides = {name: operator.index(pixels) for name, pixels in box.items()}
    return Cutout(Box(**sides), _text(label), None if score is None else float(score), _text(why))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} instead of a text")
    return value
