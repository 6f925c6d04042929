"""What a user knows about pictures: labels and boxes, in any of the forms they may come in."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fastdup_gpu._errors import InvalidArgument
from fastdup_gpu.formats import names, results
from fastdup_gpu.formats.files import read_csv

Corners = tuple[int, int, int, int]
Labels = Callable[[str], Any] | Mapping[str, Any] | Sequence[Any] | str | os.PathLike[str] | None
Boxes = Callable[[str], Any] | Mapping[str, Any] | str | os.PathLike[str] | None


def read_labels(
    get_label_func: Labels,
    filenames: Sequence[str],
    work_dir: str | os.PathLike[str] | None = None,
) -> list[list[str]] | None:
    """The labels of each of `filenames`; [] for one without. None where nothing was given.

    get_label_func: a callable that gets a name as the result files have it (an absolute path
    where the input was one), a dict by name (as in the files, or absolute), a csv `index,label`
    with one row for each row of the features csv of `work_dir` (or `filename,label`), or a list
    in that order. A label is a text, a number, a list of them, or None for unlabelled.

    Raises InvalidArgument where a callable fails, naming the file, where a dict knows none of the
    names, and where a csv or list has another length.
    """
    if get_label_func is None:
        return None
    if callable(get_label_func):
        return [as_labels(_call(get_label_func, name, "get_label_func")) for name in filenames]
    if isinstance(get_label_func, Mapping):
        found = _look_up(get_label_func, filenames, "get_label_func")
        return [as_labels(label) for label in found]
    if isinstance(get_label_func, str | os.PathLike):
        return _from_csv(Path(get_label_func), filenames, work_dir)
    return _aligned(list(get_label_func), filenames, work_dir, "get_label_func")


def as_labels(label: object) -> list[str]:
    """One label or several as a list of texts, without None, nan and what is empty."""
    if isinstance(label, str):
        return [label] if label else []
    if isinstance(label, Iterable):
        return [text for entry in label for text in as_labels(entry)]
    missing = label is None or label != label  # nan is not equal to itself
    return [] if missing else [str(label)]


def read_boxes(
    get_bounding_box_func: Boxes, work_dir: str | os.PathLike[str] | None = None
) -> Callable[[str], list[Corners]] | None:
    """A function from a name to its boxes x1, y1, x2, y2 in pixels; None where nothing was given.

    get_bounding_box_func: a callable or a dict that gives a list of boxes (or one box) for a
    name, a csv `index,filename,col_x,row_y,width,height`, or a work_dir with atrain_crops.csv.
    Raises InvalidArgument for anything else, and for boxes that are not four numbers.
    """
    given = get_bounding_box_func
    if given is None:
        return None
    if callable(given):
        call = given
        return lambda name: as_boxes(_call(call, name, "get_bounding_box_func"), name)
    if isinstance(given, Mapping):
        known = given
        return lambda name: as_boxes(known.get(name, known.get(_absolute(name))), name)
    if isinstance(given, str | os.PathLike):
        stored = _boxes_from_csv(Path(given))
        return lambda name: stored.get(name, stored.get(_absolute(name), []))
    raise InvalidArgument(
        f"get_bounding_box_func is a {type(given).__name__}; expected a callable, a dict, a csv "
        "file or a work_dir"
    )


def as_boxes(given: Any, name: str) -> list[Corners]:
    """A list of boxes, from None, one box, or several."""
    if given is None:
        return []
    try:
        boxes = list(given)
        if len(boxes) == 4 and not any(isinstance(side, Iterable) for side in boxes):
            boxes = [boxes]
        corners = [tuple(int(side) for side in box) for box in boxes]
        return [(x1, y1, x2, y2) for x1, y1, x2, y2 in corners]
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidArgument(
            f"the boxes of {name!r} are {given!r}; expected a list of x1, y1, x2, y2"
        ) from error


def _absolute(name: str) -> str:
    return str(Path(name).absolute())


def _call(function: Callable[[str], Any], name: str, argument: str) -> Any:
    try:
        return function(name)
    except Exception as error:  # a user's function may raise anything
        raise InvalidArgument(
            f"{argument} failed for {name!r}: {type(error).__name__}: {error}"
        ) from error


def _look_up(known: Mapping[str, Any], filenames: Sequence[str], argument: str) -> list[Any]:
    missing = object()
    found = [known.get(n, known.get(_absolute(n), missing)) for n in filenames]
    if filenames and all(entry is missing for entry in found):
        example = next(iter(known), None)
        raise InvalidArgument(
            f"{argument} has none of the {len(filenames)} file names; its keys are like "
            f"{example!r}, the names like {filenames[0]!r}"
        )
    return [None if entry is missing else entry for entry in found]


def _from_csv(
    path: Path, filenames: Sequence[str], work_dir: str | os.PathLike[str] | None
) -> list[list[str]]:
    if not path.is_file():
        raise InvalidArgument(f"get_label_func={str(path)!r} is no file")
    header, rows = read_csv(path)
    if "label" not in header or any(len(row) != len(header) for row in rows if row):
        raise InvalidArgument(
            f"get_label_func={str(path)!r} has the header {header}; expected whole rows of "
            "index,label or filename,label"
        )
    labels = [row[header.index("label")] for row in rows if row]
    if "filename" not in header:
        return _aligned(labels, filenames, work_dir, "get_label_func")
    files = [row[header.index("filename")] for row in rows if row]
    found = _look_up(dict(zip(files, labels, strict=True)), filenames, "get_label_func")
    return [as_labels(label) for label in found]


def _aligned(
    labels: list[Any],
    filenames: Sequence[str],
    work_dir: str | os.PathLike[str] | None,
    argument: str,
) -> list[list[str]]:
    """Labels in the order of the features csv, or of `filenames` where no work_dir is known."""
    order = list(filenames) if work_dir is None else results.read_filenames(work_dir)
    if len(labels) != len(order):
        where = f"the {len(order)} file names" if work_dir is None else f"the rows of {work_dir}"
        raise InvalidArgument(
            f"{argument} has {len(labels)} labels, but {len(order)} were expected, one for each "
            f"of {where}, in that order"
        )
    found = _look_up(dict(zip(order, labels, strict=True)), filenames, argument)
    return [as_labels(label) for label in found]


def _boxes_from_csv(given: Path) -> dict[str, list[Corners]]:
    path = given / names.CROPS_CSV.format(kind=names.TRAIN) if given.is_dir() else given
    if not path.is_file():
        raise InvalidArgument(f"get_bounding_box_func={str(given)!r}: there is no {path}")
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
            raise InvalidArgument(f"{path}: {row} is no box: {error}") from error
        boxes[row[at[0]]].append((x, y, x + width, y + height))
    return dict(boxes)
