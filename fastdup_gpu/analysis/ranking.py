"""The order in which tables of images and pairs are shown."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def in_order(
    table: pd.DataFrame, column: str, names: str, *, descending: bool = False
) -> pd.DataFrame:
    """Rows ordered by a column of numbers, ties by a column of names."""
    values = table[column].to_numpy(dtype=float)
    values = -values if descending else values
    if _ascends(table[names].to_numpy(dtype=object)):
        order = np.argsort(values, kind="stable")
    else:
        order = np.lexsort((codes(table[names], sort=True), values))
    return table.iloc[order].reset_index(drop=True)


def _ascends(names: NDArray[Any]) -> bool:
    return bool(np.all(names[:-1] <= names[1:]))


def codes(*columns: pd.Series[Any], sort: bool = False) -> NDArray[Any]:
    """A number for each name of the columns, one column after the other; with `sort` in the order
    of the names.

    Names are ordered and grouped by these numbers, because pandas may convert a column of text to
    a type that cannot hold names which are not UTF-8."""
    joined = np.concatenate([column.to_numpy(dtype=object) for column in columns])
    return pd.factorize(joined, sort=sort)[0]


def rank_outliers(outliers: pd.DataFrame, how: str, neighbors: int | None = None) -> pd.DataFrame:
    """One row for each image of `from`, the least similar first: `from`, `to`, `distance`.

    'one' takes the least similar neighbour listed for each image. 'all' takes images whose
    neighbours are all listed (`neighbors` of them, by default as many as any image has), each
    with its most similar one.
    """
    outliers = in_order(outliers, "distance", "from")
    numbers = codes(outliers["from"])
    _, chosen, listed = np.unique(numbers, return_index=True, return_counts=True)
    if how == "all":
        last = len(numbers) - 1 - np.unique(numbers[::-1], return_index=True)[1]
        chosen = last[listed >= (neighbors or int(listed.max(initial=0)))]
    return in_order(outliers.iloc[chosen][["from", "to", "distance"]], "distance", "from")
