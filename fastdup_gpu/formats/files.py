"""Reading and writing of text, csv and json files; written files are always complete."""

from __future__ import annotations

import contextlib
import csv
import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from fastdup_gpu._atomic import alone, replaced
from fastdup_gpu._errors import FormatError, WorkDirError
from fastdup_gpu.formats import names

# File names are bytes on disk; with these settings, a text file can contain any of them.
TEXT = {"encoding": "utf-8", "errors": "surrogateescape", "newline": ""}
# For reading, skips the byte order mark that spreadsheets write.
READING = {**TEXT, "encoding": "utf-8-sig"}
_MADE_BY = {
    names.FEATURES_CSV: "run()",
    names.BAD_CSV: "run()",
    names.STATS_CSV: "run() without run_stats=0",
    names.CROPS_CSV: "run() with boxes",
    names.SIMILARITY: "run()",
    names.OUTLIERS: "run()",
    names.COMPONENTS: "run() without run_cc=0 and test_dir",
    names.COMPONENT_INFO: "run() without run_cc=0 and test_dir",
    names.KMEANS_CENTROIDS: "run_kmeans()",
    names.KMEANS_ASSIGNMENTS: "run_kmeans()",
}


def prepare_folder(path: Path, argument: str = "work_dir") -> None:
    """Create a folder and check that files can be written to it; raises WorkDirError with the
    reason and the name of the argument."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise WorkDirError(
            f"{argument}={str(path)!r} cannot be written to ({error.strerror or error}); "
            "give a folder with write permission"
        ) from error


@contextlib.contextmanager
def held(work_dir: Path) -> Iterator[None]:
    """Keep other runs out of an existing work_dir; raises WorkDirError if one is using it."""
    lock = work_dir / names.TMP_DIR / names.LOCK
    lock.parent.mkdir(exist_ok=True)
    with alone(lock):
        yield


@contextlib.contextmanager
def replacing(path: Path, mode: str = "w", *, durable: bool = True) -> Iterator[IO[Any]]:
    """Open a temporary file that replaces `path` if the block succeeds and is deleted otherwise;
    for `durable` see _atomic.replaced."""
    options: dict[str, Any] = {} if "b" in mode else TEXT
    with replaced(path, durable=durable) as temporary, temporary.open(mode, **options) as stream:
        yield stream


# A list of names may have longer cells than the default limit.
csv.field_size_limit(1 << 30)


_ROWS = 16_384  # formatted at a time
_TO_QUOTE = re.compile('[",\r\n]')


class CsvWriter:
    """The dialect of every csv here: minimal quoting, LF as line end.

    The standard writer does not quote a bare carriage return if rows end in LF, and readers would
    not treat it as part of a name; such rows are quoted in full.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._minimal = csv.writer(stream, lineterminator="\n")
        self._quoted = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL)

    def writerow(self, row: Sequence[object]) -> None:
        """Write one row."""
        odd = any(isinstance(cell, str) and "\r" in cell for cell in row)
        (self._quoted if odd else self._minimal).writerow(row)

    def writerows(self, rows: Iterable[Sequence[object]]) -> None:
        """Write many rows."""
        for row in rows:
            self.writerow(row)

    def write_formatted(self, kinds: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        """Write many rows whose cells are formatted by the %-formats `kinds`, '%s' for names;
        several times faster if no name needs quotes."""
        names = [place for place, kind in enumerate(kinds) if kind == "%s"]
        if any(_TO_QUOTE.search("".join([row[i] for row in rows])) for i in names):
            self.writerows(
                [kind % cell for kind, cell in zip(kinds, row, strict=True)] for row in rows
            )
        else:
            line = ",".join(kinds) + "\n"
            self._stream.write("".join([line % row for row in rows]))


def begin_csv(path: Path, columns: Sequence[str]) -> None:
    """Write an empty table unless there is one, to mark the files written next as those of a
    run."""
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_csv(path, columns, ())


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a whole csv with its header."""
    with replacing(path) as stream:
        writer = CsvWriter(stream)
        writer.writerow(columns)
        writer.writerows(rows)


def write_columns(
    path: Path, header: Sequence[str], kinds: Sequence[str], columns: Sequence[Any]
) -> None:
    """Write a whole csv from arrays or lists of one length, formatted by the %-formats `kinds`."""
    with replacing(path) as stream:
        writer = CsvWriter(stream)
        writer.writerow(header)
        for start in range(0, len(columns[0]), _ROWS):
            parts = (column[start : start + _ROWS] for column in columns)
            cells = (part if isinstance(part, list) else part.tolist() for part in parts)
            writer.write_formatted(kinds, list(zip(*cells, strict=True)))


def read_csv(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a csv of any size, every cell as text; raises FormatError."""
    with reading_csv(path) as (header, rows):
        return header, list(rows)


@contextlib.contextmanager
def reading_csv(path: Path) -> Iterator[tuple[list[str], Iterator[list[str]]]]:
    """Header and rows of a csv, with only one row in memory at a time; raises FormatError."""
    try:
        stream = path.open(**READING)  # type: ignore[call-overload]
    except FileNotFoundError as error:
        raise missing(path) from error
    with stream:
        rows = csv.reader(stream)
        try:
            header = next(rows, None)
            if header is None:
                raise FormatError(f"{path} is empty; expected a header row")
            yield header, rows
        except csv.Error as error:
            raise FormatError(f"{path} is not a csv: {error}") from error


def read_column(path: Path, name: str) -> Iterator[str]:
    """One column of a csv, cell by cell, blank rows left out; raises FormatError."""
    with reading_csv(path) as (header, rows):
        if name not in header:
            raise FormatError(f"{path} has the columns {header}; expected a column {name!r}")
        column = header.index(name)
        try:
            for row in rows:
                if row:
                    yield row[column]
        except IndexError as error:
            raise FormatError(f"{path} has a row shorter than its header") from error


def missing(path: Path) -> WorkDirError:
    """The error for a missing file; says which function writes it, if it is a result file."""
    kinds = (names.TRAIN, names.TEST)
    made_by = {name.format(kind=kind): how for name, how in _MADE_BY.items() for kind in kinds}
    how = made_by.get(path.name)
    advice = f"run fastdup_gpu.{how} first" if how else "check the path"
    if how and _found_no_image(path.parent):
        advice = f"the run could read no image: see {names.BAD_CSV.format(kind=names.TRAIN)}"
    elif how and _is_interrupted(path.parent):
        advice = "the run was interrupted: run() with resume=1 continues it"
    return WorkDirError(f"{path} does not exist; {advice}")


def _is_interrupted(work_dir: Path) -> bool:
    """Whether a run has begun to extract, and not come to its end, where it writes config.json."""
    begun = work_dir / names.EXTRACTION.format(kind=names.TRAIN)
    return begun.exists() and not (work_dir / names.CONFIG).exists()


def _found_no_image(work_dir: Path) -> bool:
    """Whether a run has come to the end of its images, and none could be read."""
    state = read_json(work_dir / names.EXTRACTION.format(kind=names.TRAIN)) or {}
    return state.get("complete") is True and state.get("rows") == 0


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a json object, keys in the order given."""
    with replacing(path) as stream:
        json.dump(content, stream, indent=2, default=str)
        stream.write("\n")


def parse_json(text: str | bytes) -> Any:
    """Parse a json text; raises ValueError if it is not json, or nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def read_json(path: Path) -> dict[str, Any] | None:
    """The json object in a file; None if the file is missing or contains anything else."""
    try:
        content = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
