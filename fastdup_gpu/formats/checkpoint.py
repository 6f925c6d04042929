"""Growing files with checkpoints: what was committed survives a kill at any point.

During extraction, four files grow in work_dir/tmp: features, their names, bad files and statistics.
`commit` makes what was appended durable and then replaces a small json with the valid length of
each file; this runs in a separate thread, because disks are slow. A later run with the same
fingerprint truncates each file to that length and continues. At the end, the json is marked
complete and the files are renamed; after a kill between two renames, the rest is renamed.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from typing import IO, Any

from fastdup_gpu._errors import WorkDirError
from fastdup_gpu.formats import names
from fastdup_gpu.formats.features import write_array
from fastdup_gpu.formats.files import TEXT, CsvWriter, read_json, write_json
from fastdup_gpu.protocol import F32, F64, Outcome, Status


class ExtractionFiles:
    """The files of one extraction (`kind` 'atrain' or 'atest')."""

    def __init__(self, folder: Path, kind: str, stats_columns: Sequence[str]) -> None:
        self.folder = folder
        self.kind = kind
        self.columns = tuple(stats_columns)
        self.rows = 0
        self.bad = 0
        self.position = 0
        self._state_path = folder / names.EXTRACTION.format(kind=kind)
        self._streams: dict[str, IO[Any]] = {}
        self._targets = _targets(kind, with_stats=bool(stats_columns))
        self._committing = ThreadPoolExecutor(1, thread_name_prefix="commit")
        self._begun: Future[None] | None = None  # the last commit
        self._sizes: dict[str, int] = {}  # sizes of the files at the last commit

    def begin(self, fingerprint: str, *, resume: bool) -> bool:
        """Open the files at the last commit, or new ones; False if all is complete already."""
        self._fingerprint = fingerprint
        state = self._read_state(fingerprint) if resume else None
        if state and state["complete"] and self._finish_renames(state):
            self._recall(state)
            return False
        self._state_path.parent.mkdir(parents=True, exist_ok=True)
        if state and not state["complete"] and self._open_at(state):
            self._recall(state)
        else:
            self._open_anew()
        return True

    def append(
        self, filenames: Sequence[str], outcomes: Sequence[Outcome], features: F32, stats: F64
    ) -> None:
        """Add one batch; `filenames` belong to `outcomes`."""
        write_array(self._streams["features"], features)
        known: list[tuple[str, Outcome]] = []
        for filename, outcome in zip(filenames, outcomes, strict=True):
            if outcome.status is Status.OK:
                known.append((filename, outcome))
            else:
                size = outcome.file_size if outcome.file_size >= 0 else _size(filename)
                row = (outcome.index, filename, outcome.status.value, size)
                self._writers["bad"].writerow(row)
        self._add_good(known, stats.tolist())
        self.rows += len(known)
        self.bad += len(outcomes) - len(known)
        self.position += len(outcomes)

    def _add_good(self, known: list[tuple[str, Outcome]], numbers: list[list[float]]) -> None:
        named = [(row, name) for row, (name, _) in enumerate(known, self.rows)]
        self._writers["names"].write_formatted(("%d", "%s"), named)
        if self.columns:
            kinds, pick = self._stats_format
            values = [
                pick((*first, o.width, o.height, o.file_size, *pixels))
                for first, (_, o), pixels in zip(named, known, numbers, strict=True)
            ]
            self._writers["stats"].write_formatted(kinds, values)

    @cached_property
    def _stats_format(self) -> tuple[list[str], Callable[[Any], tuple[Any, ...]]]:
        """The formats of the cells of a row, and a function that puts them in column order."""
        given = ("index", "filename", "width", "height", "file_size", *self.pixel_columns)
        kinds = {"filename": "%s", **dict.fromkeys(("index", *names.INTEGER_STATS), "%d")}
        columns = [kinds.get(column, "%.4f") for column in self.columns]
        return columns, itemgetter(*map(given.index, self.columns))

    @property
    def pixel_columns(self) -> tuple[str, ...]:
        """The columns of `stats` in `append`, () without statistics."""
        if not self.columns:
            return ()
        advanced = self.columns == names.STATS_COLUMNS_ADVANCED
        return names.PIXEL_STATS_ADVANCED if advanced else names.PIXEL_STATS

    def commit(self) -> None:
        """Start making everything appended so far durable; raises the error of the last commit."""
        self.settle()
        sizes = {}
        for key, stream in self._streams.items():
            stream.flush()
            sizes[key] = os.fstat(stream.fileno()).st_size
        self._sizes = sizes
        self._begun = self._committing.submit(self._make_durable, self._state(complete=False))

    def _make_durable(self, state: dict[str, Any]) -> None:
        for stream in self._streams.values():
            os.fsync(stream.fileno())
        write_json(self._state_path, state)

    def settle(self) -> None:
        """Wait for the last commit."""
        begun, self._begun = self._begun, None
        if begun is not None:
            begun.result()

    def finish(self) -> None:
        """Commit, close, and move the files to their places."""
        self.commit()
        self.settle()
        self.close()
        state = self._state(complete=True)
        write_json(self._state_path, state)
        if not self._finish_renames(state):
            raise WorkDirError(
                f"another program changed files in {str(self.folder)!r} while they were being "
                "written; run again without resume"
            )

    def close(self) -> None:
        """Close the files; a later resume drops what was not committed."""
        self._committing.shutdown(wait=True)
        for stream in self._streams.values():
            with contextlib.suppress(OSError):  # a full disk, already raised before
                stream.close()
        self._streams = {}

    def forget(self) -> None:
        """Drop the record, so that nothing is resumed from it."""
        self._state_path.unlink(missing_ok=True)

    def _state(self, *, complete: bool) -> dict[str, Any]:
        return {
            "fingerprint": self._fingerprint,
            "complete": complete,
            "position": self.position,
            "rows": self.rows,
            "bad": self.bad,
            "sizes": self._sizes,
        }

    def _read_state(self, fingerprint: str) -> dict[str, Any] | None:
        """The record of an earlier run with this fingerprint; None if missing or damaged."""
        state = read_json(self._state_path)
        if state is None or state.get("fingerprint") != fingerprint:
            return None
        sizes = state.get("sizes")
        numbers = [state.get(key) for key in ("position", "rows", "bad")]
        numbers += [sizes.get(key) if isinstance(sizes, dict) else None for key in self._targets]
        fits = all(type(number) is int and number >= 0 for number in numbers)
        fits = fits and state["position"] == state["rows"] + state["bad"]
        return state if fits and isinstance(state.get("complete"), bool) else None

    def _recall(self, state: dict[str, Any]) -> None:
        self.position, self.rows, self.bad = state["position"], state["rows"], state["bad"]

    def _part(self, key: str) -> Path:
        return self._part_of(self._targets[key])

    def _part_of(self, target: str) -> Path:
        return self.folder / names.TMP_DIR / f"{target}.part"

    def _finish_renames(self, state: dict[str, Any]) -> bool:
        for key, target in self._targets.items():
            if self._part(key).is_file():
                self._part(key).replace(self.folder / target)
        sizes = state["sizes"]
        paths = {key: self.folder / target for key, target in self._targets.items()}
        return all(p.is_file() and p.stat().st_size == sizes.get(k) for k, p in paths.items())

    def _open_at(self, state: dict[str, Any]) -> bool:
        sizes = state["sizes"]
        for key in self._targets:
            part = self._part(key)
            if not part.is_file() or part.stat().st_size < sizes.get(key, 1 << 62):
                return False
        for key in self._targets:
            os.truncate(self._part(key), sizes[key])
        self._open_streams("a")
        return True

    def _open_anew(self) -> None:
        self.forget()
        for target in _targets(self.kind, with_stats=True).values():
            self._part_of(target).unlink(missing_ok=True)
        self._open_streams("w")
        self._writers["names"].writerow(names.FEATURES_COLUMNS)
        self._writers["bad"].writerow(names.BAD_COLUMNS)
        if self.columns:
            self._writers["stats"].writerow(self.columns)

    def _open_streams(self, mode: str) -> None:
        for key in self._targets:
            binary = key == "features"
            options: dict[str, Any] = {"mode": mode + "b"} if binary else {"mode": mode, **TEXT}
            self._streams[key] = self._part(key).open(**options)
        self._writers = {k: CsvWriter(s) for k, s in self._streams.items() if k != "features"}


def _size(filename: str) -> int:
    """Size in bytes of a file that could not be read, such as a damaged video; -1 if there is no
    such file."""
    try:
        found = os.stat(filename)  # noqa: PTH116  names may be hostile
    except (OSError, ValueError):
        return -1
    return found.st_size if stat.S_ISREG(found.st_mode) else -1


def _targets(kind: str, *, with_stats: bool) -> dict[str, str]:
    found = {
        "features": names.FEATURES.format(kind=kind),
        "names": names.FEATURES_CSV.format(kind=kind),
        "bad": names.BAD_CSV.format(kind=kind),
    }
    return found | ({"stats": names.STATS_CSV.format(kind=kind)} if with_stats else {})
