"""Labels and boxes of images, in any of the accepted forms."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fastdup_gpu._errors import InvalidArgument
from fastdup_gpu.analysis.label_order import Order
from fastdup_gpu.analysis.label_sources import Labels as Labels
from fastdup_gpu.analysis.label_sources import absolute, call, open_labels
from fastdup_gpu.analysis.label_texts import as_labels as as_labels
from fastdup_gpu.formats import names
from fastdup_gpu.formats.files import read_csv

Corners = tuple[float, float, float, float]
Boxes = Callable[[str], Any] | Mapping[str, Any] | str | os.PathLike[str] | None


def read_labels(
    get_label_func: Labels,
    filenames: Sequence[str],
    work_dir: str | os.PathLike[str] | None = None,
    own: Order | None = None,
) -> list[list[str]] | None:
    """The labels of each of `filenames`, [] for one without; None if no labels were given.

    get_label_func: a callable that takes a name as the result files have it (an absolute path
    if the input was one), a dict by name (as in the files, or absolute), a csv `index,label`
    with one row for each row of the features csv of `work_dir` (or `filename,label`), or a list
    in that order. A label is a text, a number, a list of them, or None, nan or pandas' NA for
    unlabelled.
    own: the order of a list, used if no features csv is known.

    Raises InvalidArgument if a callable fails (naming the file), if a dict has none of the names
    and no other name of the run, if a csv or list has another length, or if its order is unknown.
    """
    source = open_labels(get_label_func, work_dir, own)
    if source is None:
        return None
    source.check(filenames, work_dir)
    return [as_labels(source.find(name)) for name in filenames]


def read_boxes(
    get_bounding_box_func: Boxes, work_dir: str | os.PathLike[str] | None = None
) -> Callable[[str], list[Corners]] | None:
    """A function from a name to its boxes x1, y1, x2, y2 in pixels; None if no boxes were given.

    get_bounding_box_func: a callable or a dict that returns a list of boxes (or one box) for a
    name, a csv `index,filename,col_x,row_y,width,height`, or a work_dir with atrain_crops.csv.
    Raises InvalidArgument for anything else, and for boxes that are not four numbers.
    """
    given = get_bounding_box_func
    if given is None:
        return None
    if callable(given):
        function = given
        return lambda name: as_boxes(call(function, name, "get_bounding_box_func"), name)
    if isinstance(given, Mapping):
        known = given
        return lambda name: as_boxes(known.get(name, known.get(absolute(name))), name)
    if isinstance(given, str | os.PathLike):
        stored = _boxes_from_csv(Path(given))
        return lambda name: stored.get(name, stored.get(absolute(name), []))
    raise InvalidArgument(
        f"get_bounding_box_func is a {type(given).__name__}; expected a callable, a dict, a csv "
        "file or a work_dir"
    )


def as_boxes(given: Any, name: str, number: Callable[[Any], float] = int) -> list[Corners]:
    """A list of boxes, from None, one box, or several; `number` reads a side."""
    if given is None:
        return []
    try:
        boxes = list(given)
        if len(boxes) == 4 and not any(isinstance(side, Iterable) for side in boxes):
            boxes = [boxes]
        corners = [tuple(number(side) for side in box) for box in boxes]
        return [(x1, y1, x2, y2) for x1, y1, x2, y2 in corners]
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidArgument(
            f"the boxes of {name!r} are {given!r}; expected a list of x1, y1, x2, y2"
        ) from error


def _boxes_from_csv(given: Path) -> dict[str, list[Corners]]:
    path = given / names.CROPS_CSV.format(kind=names.TRAIN) if given.is_dir() else given
    if not path.is_file():
        raise InvalidArgument(f"get_bounding_box_func={str(given)!r}: there is no file {path}")
    header, rows = read_csv(path)
    missing = [column for column in names.BOX_COLUMNS if column not in header]
    if missing:
        raise InvalidArgument(f"{path} has the header {header}; {', '.join(missing)} is missing")
    at = [header.index(column) for column in names.BOX_COLUMNS]
    boxes: dict[str, list[Corners]] = defaultdict(list)
    for row in filter(None, rows):
        try:
            x, y, width, height = (int(float(row[i])) for i in at[1:])
        except (ValueError, IndexError, OverflowError) as error:
            raise InvalidArgument(f"{path}: {row} is not a box: {error}") from error
        boxes[row[at[0]]].append((x, y, x + width, y + height))
    return dict(boxes)
