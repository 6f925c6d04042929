"""The boxes to crop: one for all images (`bounding_box`), or a csv of boxes."""

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
    """The box of the argument `bounding_box`, in pixels; None if it is empty or one of DETECTED,
    with which a detector finds the boxes of each image.

    Raises InvalidArgument for anything but the four keys of FORM, in any order, with whole
    numbers, positive sizes and a corner that is not negative.
    """
    if not isinstance(given, str):
        raise _refusal(given, f"is of type {type(given).__name__}")
    if given.strip() in ("", *DETECTED):
        return None
    edges = _edges(given)
    if edges["width"] <= 0 or edges["height"] <= 0 or edges["col_x"] < 0 or edges["row_y"] < 0:
        raise _refusal(given, "has no area or begins outside the image")
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
            raise _refusal(given, f"has {key}={value!r}, which is not a whole number") from None
    if missing := [key for key in EDGES if key not in edges]:
        raise _refusal(given, f"lacks {', '.join(missing)}")
    return edges


def _refusal(given: object, why: str) -> InvalidArgument:
    words = ", ".join(map(repr, DETECTED))
    return InvalidArgument(
        f"bounding_box={given!r} {why}; expected '{FORM}' in pixels, one of {words}, or ''"
    )


def has_boxes(table: Table) -> bool:
    """Whether a csv has one box per row. `width` and `height` alone are not enough, because the
    csv of statistics has them too."""
    return "col_x" in table.header or "row_y" in table.header


def warn_of_other_forms(table: Table) -> None:
    """Log a warning if the columns of a csv look like boxes in an unknown form."""
    odd = [name for name in table.header if _OTHER_FORM.fullmatch(name.lower())]
    if len(odd) > 1:
        _log.warning(
            "%r: the columns %s are ignored, and whole images are compared; a csv of boxes needs "
            "the columns %s",
            table.path,
            ", ".join(odd),
            ",".join(BOX_COLUMNS),
        )


def read_table(table: Table) -> Found:
    """One file name and one box for each row. A row without a usable box keeps its position.

    Raises InputError if a column is missing.
    """
    if missing := [name for name in BOX_COLUMNS if name not in table.header]:
        raise InputError(
            f"{table.path!r} has the columns {table.header}, but {', '.join(missing)} is missing; "
            f"expected {','.join(BOX_COLUMNS)}"
        )
    found = Found(table.path, names_of(table))
    columns = [cells(table, name) for name in EDGES]
    found.labels = cells(table, "label") if "label" in table.header else ()
    found.boxes = [_box(i, values) for i, values in enumerate(zip(*columns, strict=True))]
    return found


def _box(row: int, values: tuple[str, ...]) -> Box | str:
    try:
        numbers = [_whole(value) for value in values]
    except (ValueError, OverflowError):
        shown = ", ".join(f"{k}={v!r}" for k, v in zip(EDGES, values, strict=True))
        return f"row {row} of the csv of boxes is not a box of numbers: {shown}"
    return Box(*numbers)


def _whole(value: str) -> int:
    """The nearest whole number; tables often contain 12.0 or 12.5."""
    return math.floor(float(value) + 0.5)
