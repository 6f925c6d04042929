"""Cosine similarities of all pairs of stored features, one square tile at a time.

Only two bands of rows and one tile are in memory at a time, however many rows there are; the time
grows with the square of their number.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fastdup_gpu.indexing.rows import unit
from fastdup_gpu.protocol import F32, I64

# Rows of a tile's side: 16 MB of similarities per tile. On 2 cores larger tiles were no faster;
# tiles of 16 rows, however wide, took nine times as long per pair.
SIDE = 2048


def tiles(features: F32) -> Iterator[tuple[int, int, F32]]:
    """Every two rows of f32[n, d] once: (first row, first column, similarities of the rows from
    there on with the columns from there on).

    Only pairs whose column is a later row than their row count. The others, in the tiles on the
    diagonal, are nan, for which every comparison is false. A row without a direction (zeros, or
    numbers that are not finite) has similarity 0 to all.
    """
    for row in range(0, len(features), SIDE):
        for column in range(row, len(features), SIDE):
            yield row, column, _tile(features, row, column)


def similarities(features: F32, pairs: I64) -> F32:
    """f32[p]: for each pair of i64[p, 2], smaller row first, exactly the number that tiles() gives.
    Tiles without a pair are skipped."""
    values = np.empty(len(pairs), np.float32)
    side = -(-len(features) // SIDE)
    tile_of = pairs[:, 0] // SIDE * side + pairs[:, 1] // SIDE
    order = np.argsort(tile_of, kind="stable")
    numbers, starts = np.unique(tile_of[order], return_index=True)
    for number, own in zip(numbers.tolist(), np.split(order, starts)[1:], strict=True):
        row, column = (place * SIDE for place in divmod(number, side))
        tile = _tile(features, row, column)
        values[own] = tile[pairs[own, 0] - row, pairs[own, 1] - column]
    return values


def _tile(features: F32, row: int, column: int) -> F32:
    left = unit(features[row : row + SIDE])
    if row != column:
        return left @ unit(features[column : column + SIDE]).T
    tile: F32 = left @ left.T
    tile[np.tri(len(tile), dtype=bool)] = np.nan
    return tile
