"""Checks that a file of hnswlib is complete. hnswlib trusts what it reads: a wrong number in a
damaged file would make it read outside its memory and crash the process.

The file contains a header, then for each row its links on the lowest level, its numbers and its
label, then for each row the links on its higher levels, preceded by their size.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastdup_gpu.protocol import I64

HEADER = np.dtype(
    [
        ("first", "<u8"),
        ("capacity", "<u8"),
        ("rows", "<u8"),
        ("row_size", "<u8"),
        ("label_at", "<u8"),
        ("numbers_at", "<u8"),
        ("top", "<i4"),
        ("entry", "<u4"),
        ("links", "<u8"),
        ("lowest_links", "<u8"),
        ("m", "<u8"),
        ("scale", "<f8"),
        ("construction", "<u8"),
    ]
)
_MOST_LINKS = 4096
_BLOCK = 65_536  # rows looked at together: millions have links of gigabytes


def check_graph(file: Path, n: int, d: int) -> None:
    """Raise ValueError if a file is not a complete graph over f32[n, d]; OSError as open() does."""
    data = np.memmap(file, np.uint8, "r") if file.stat().st_size else np.empty(0, np.uint8)
    _require(len(data) >= HEADER.itemsize, "it is truncated")
    header = data[: HEADER.itemsize].view(HEADER)[0]
    found = {name: header[name].item() for name in HEADER.names or ()}
    _require(found["rows"] == n, f"it has {found['rows']} rows, the features {n}")
    lowest = found["lowest_links"]
    _require(0 < found["links"] <= lowest <= _MOST_LINKS, "its header is damaged")
    numbers_at = 4 + 4 * lowest
    label_at = numbers_at + 4 * d
    asked = (0, max(1, n), label_at + 8, label_at, numbers_at)
    told = tuple(found[k] for k in ("first", "capacity", "row_size", "label_at", "numbers_at"))
    _require(told == asked, f"it is not of rows of length {d}, or damaged")
    if not n:
        return
    end = HEADER.itemsize + n * found["row_size"]
    _require(len(data) >= end, "it is truncated")
    _check_lowest(data[HEADER.itemsize : end].reshape(n, -1), lowest, label_at)
    levels = _check_higher(data[end:], n, found["links"])
    entry, top = found["entry"], found["top"]
    _require(entry < n and levels[entry] == top == levels.max(), "its entry point is damaged")


def _check_lowest(rows: NDArray[np.uint8], links: int, label_at: int) -> None:
    for start in range(0, len(rows), _BLOCK):
        part = rows[start : start + _BLOCK, : 4 + 4 * links]
        _check_links(np.ascontiguousarray(part).view("<u4"), len(rows))
    labels = np.ascontiguousarray(rows[:, label_at:]).view("<u8")[:, 0]
    _require(np.array_equal(np.sort(labels), np.arange(len(rows))), "its labels are damaged")


def _check_links(lists: NDArray[np.uint32], n: int) -> NDArray[np.bool_]:
    """Check rows `count, links...`; returns which of the links are used."""
    counts, links = lists[:, 0], lists[:, 1:]
    _require(bool((counts <= links.shape[1]).all()), "its counts of links are damaged")
    used = np.arange(links.shape[1]) < counts[:, None]
    _require(bool((links[used] < n).all()), "its links point outside")
    return used


def _check_higher(data: NDArray[np.uint8], n: int, links: int) -> I64:
    """The highest level of each row."""
    size = 4 + 4 * links
    levels = np.zeros(n, np.int64)
    lists: list[tuple[int, NDArray[np.uint8]]] = []
    raw, at = data.tobytes(), 0
    for row in range(n):
        length = int.from_bytes(raw[at : at + 4], "little")
        _require(at + 4 + length <= len(raw) and length % size == 0, "it is truncated or damaged")
        if length:
            levels[row] = length // size
            lists.append((row, data[at + 4 : at + 4 + length]))
        at += 4 + length
    _require(at == len(raw), "it contains more than a graph")
    if lists:
        _check_levels(lists, levels, size)
    return levels


def _check_levels(lists: list[tuple[int, NDArray[np.uint8]]], levels: I64, size: int) -> None:
    """Check that each link on a level leads to a row that has that level."""
    table = np.concatenate([part for _, part in lists]).reshape(-1, size).view("<u4")
    level = np.concatenate([np.arange(1, levels[row] + 1) for row, _ in lists])
    used = _check_links(table, len(levels))
    reached = np.where(used, table[:, 1:], 0)
    _require(bool(((levels[reached] >= level[:, None]) | ~used).all()), "its levels are damaged")


def _require(whole: bool, why: str) -> None:
    if not whole:
        raise ValueError(why)
