"""The record of what a detector found, picture by picture, from which a killed run goes on."""

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

# Pictures between two times that the record is brought to the disk itself.
_SYNC_EVERY = 64


@dataclass(frozen=True, slots=True)
class Cutout:
    """One box of a picture, clipped to it; `why` tells why it could not be cut out."""

    box: Box
    label: str = ""
    score: float | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Searched:
    """A picture by its position in the input list; `why` tells why it could not be read."""

    picture: int
    boxes: list[Cutout]
    why: str = ""


class Record:
    """Json lines: first what decides the content, then one `Searched` a line, in order.

    `path` is read where `resume` is asked for and its first line says `fingerprint`; else it is
    begun anew. Lines that a kill cut short are dropped.
    """

    def __init__(self, path: Path, fingerprint: str, *, resume: bool) -> None:
        self._path = path
        self._head = json.dumps({"fingerprint": fingerprint}) + "\n"
        self._resume = resume
        self._waiting = 0

    def stored(self) -> Iterator[Searched]:
        """What an earlier run found. `begin` then keeps as many as were taken."""
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
        """Write what stays of an earlier run, and be ready for more."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self._path) as stream:
            stream.write(self._head)
            stream.writelines(map(_line, kept))
        self._stream = self._path.open("a", **TEXT)  # type: ignore[call-overload]

    def append(self, searched: Searched) -> None:
        """Store one picture, whose crops are on the disk."""
        self._stream.write(_line(searched))
        self._stream.flush()
        self._waiting += 1
        if self._waiting >= _SYNC_EVERY:
            self._sync()

    def _sync(self) -> None:
        os.fsync(self._stream.fileno())
        self._waiting = 0

    def close(self) -> None:
        """Bring the rest to the disk."""
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
        raise TypeError(f"{type(value).__name__} where a text is expected")
    return value
