"""Which rectangles to cut out: one for all pictures (`bounding_box`), or a csv of boxes."""

from __future__ import annotations

import logging
import math
import re

from fastdup_gpu._errors import InputError, InvalidArgument
from fastdup_gpu.formats.names import BOX_COLUMNS, FACE, YOLO
from fastdup_gpu.sources.base import Box, Found
from fastdup_gpu.sources.tables import Table, cells, names_of

EDGES = BOX_COLUMNS[1:]
FORM = "row_y=xx,col_x=xx,height=xx,width=xx"
DETECTED = (FACE, YOLO)
_OTHER_FORM = re.compile(r"[xy]\d?|[xy]_?(min|max|cent(er|re))|(bbox|box)\w*|left|top|right|bottom")

_log = logging.getLogger(__name__)


def parse_bounding_box(given: str) -> Box | None:
    """The box of the argument `bounding_box`, in pixels; None where it is empty, or one of
    DETECTED: then every picture has boxes of its own, which a detector finds.

    Raises InvalidArgument for anything but the four keys of FORM, in any order, with whole
    numbers, positive sizes and a corner that is not negative.
    """
    if not isinstance(given, str):
        raise _refusal(given, f"is of type {type(given).__name__}")
    if given.strip() in ("", *DETECTED):
        return None
    edges = _edges(given)
    if edges["width"] <= 0 or edges["height"] <= 0 or edges["col_x"] < 0 or edges["row_y"] < 0:
        raise _refusal(given, "has no area or begins outside of the picture")
    return Box(**edges)


def _edges(given: str) -> dict[str, int]:
    edges: dict[str, int] = {}
    for pair in given.split(","):
        key, _, value = (part.strip() for part in pair.partition("="))
        if key not in EDGES or key in edges:
            raise _refusal(given, f"has an unknown or repeated key {key!r}")
        try:
            edges[key] = int(value)
        except ValueError:
            raise _refusal(given, f"has {key}={value!r}, which is no whole number") from None
    if missing := [key for key in EDGES if key not in edges]:
        raise _refusal(given, f"lacks {', '.join(missing)}")
    return edges


def _refusal(given: object, why: str) -> InvalidArgument:
    words = ", ".join(map(repr, DETECTED))
    return InvalidArgument(
        f"bounding_box={given!r} {why}; expected '{FORM}' in pixels, one of {words}, or ''"
    )


def has_boxes(table: Table) -> bool:
    """Whether a csv is meant as one box a row. `width` and `height` alone do not say so: the
    statistics csv has them."""
    return "col_x" in table.header or "row_y" in table.header


def warn_of_other_forms(table: Table) -> None:
    """Say so where the columns of a csv look like boxes in another form than the one known."""
    odd = [name for name in table.header if _OTHER_FORM.fullmatch(name.lower())]
    if len(odd) > 1:
        _log.warning(
            "%r: the columns %s are not used, and whole pictures are compared; a csv of boxes has "
            "the columns %s",
            table.path,
            ", ".join(odd),
            ",".join(BOX_COLUMNS),
        )


def read_table(table: Table) -> Found:
    """One picture name and one box for each row. A row without a usable box keeps its place.

    Raises InputError where a column is missing.
    """
    if missing := [name for name in BOX_COLUMNS if name not in table.header]:
        raise InputError(
            f"{table.path!r} has the columns {table.header}, but {', '.join(missing)} is missing; "
            f"expected {','.join(BOX_COLUMNS)}"
        )
    found = Found(table.path, names_of(table))
    columns = [cells(table, name) for name in EDGES]
    found.boxes = [_box(i, values) for i, values in enumerate(zip(*columns, strict=True))]
    return found


def _box(row: int, values: tuple[str, ...]) -> Box | str:
    try:
        numbers = [_whole(value) for value in values]
    except (ValueError, OverflowError):
        shown = ", ".join(f"{k}={v!r}" for k, v in zip(EDGES, values, strict=True))
        return f"row {row} of the box csv gives no numbers: {shown}"
    return Box(*numbers)


def _whole(value: str) -> int:
    """Nearest whole number; tables often hold 12.0 or 12.5."""
    return math.floor(float(value) + 0.5)
