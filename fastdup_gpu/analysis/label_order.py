"""Which image each label belongs to, for lists of labels without file names."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from fastdup_gpu._errors import InvalidArgument
from fastdup_gpu.formats import names, results
from fastdup_gpu.formats.features import feature_paths

INDEX = "index"


@dataclass(frozen=True, slots=True)
class Order:
    """The images that a list of labels belongs to, one each: their `names`, the numbers that a
    column `index` may give them (`ids`), and where they are listed, in words (`where`)."""

    names: Sequence[str]
    ids: Sequence[int]
    where: str

    def aligned(self, labels: Sequence[Any], ids: Sequence[int] | None, given: str) -> list[Any]:
        """Labels in this order. `ids`: the column `index` beside them, None if there is none; its
        numbers are those of the images, or of the rows."""
        count = len(self.names)
        if len(labels) != count:
            raise InvalidArgument(
                f"{given} has {len(labels)} labels, but {count} were expected, one for each of "
                f"{self.where}, in that order"
            )
        if ids is None:
            return list(labels)
        by_id = dict(zip(ids, labels, strict=True))
        for known in (self.ids, range(count)):
            if by_id.keys() == set(known):
                return [by_id[number] for number in known]
        raise InvalidArgument(_misfit(given, ids, count, self.where))


def in_order(filenames: Sequence[str], where: str) -> Order:
    """The order of a list of names."""
    return Order(filenames, range(len(filenames)), where)


def order_of_rows(table: pd.DataFrame) -> Order:
    """The order of the rows of a table with a column `filename`, and perhaps `index`."""
    listed = list(table["filename"])
    where = f"the {len(listed)} rows of the table (no work_dir is known)"
    if INDEX in table and pd.api.types.is_integer_dtype(table[INDEX]) and table[INDEX].is_unique:
        return Order(listed, table[INDEX].tolist(), where)
    return in_order(listed, where)


def order_of_run(work_dir: str | os.PathLike[str] | None, own: Order | None = None) -> Order:
    """The order of the features csv of a run; if there is none, `own`, or that of the k-means
    assignments. Raises InvalidArgument if the order is unknown."""
    listed = names_of_run(work_dir)
    if listed:
        return in_order(listed, f"the {len(listed)} images of {str(work_dir)!r}")
    if own is not None:
        return own
    if work_dir is None:
        raise InvalidArgument(
            "get_label_func is a list of labels or a csv index,label, whose entries belong to the "
            "rows of atrain_features.dat.csv, but the work_dir of that run is not known. Give the "
            "work_dir, or labels by name: a dict, or a csv filename,label"
        )
    if (Path(work_dir) / names.KMEANS_ASSIGNMENTS).is_file():
        assigned = results.read_kmeans(work_dir).drop_duplicates(INDEX).sort_values(INDEX)
        where = f"the {len(assigned)} images of {str(work_dir)!r}"
        return Order(list(assigned["filename"]), assigned[INDEX].tolist(), where)
    return in_order(results.read_filenames(work_dir), "its images")


def names_of_run(work_dir: str | os.PathLike[str] | None) -> list[str]:
    """The images of a run in the order of their ids; none if the run or its features csv is not
    known."""
    if work_dir is None or not feature_paths(Path(work_dir))[1].is_file():
        return []
    return results.read_filenames(work_dir)


def _misfit(given: str, ids: Collection[int], count: int, where: str) -> str:
    outside = [number for number in ids if not 0 <= number < count]
    odd = f"contains {outside[0]}" if outside else "contains a number twice"
    return (
        f"the column {INDEX!r} of {given} {odd}; expected each number from 0 to {count - 1} once, "
        f"the row of the image in the features csv, for {where}"
    )
