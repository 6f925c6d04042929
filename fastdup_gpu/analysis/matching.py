"""Matches names from elsewhere with the names of a run, by the ends of their paths."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from fastdup_gpu._errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class Ends:
    """The rows of a run by the last part of their path, and by the last two (or the only one)."""

    by_base: dict[str, list[int]]
    by_two: dict[tuple[str, ...], list[int]]


def rows_by_end(filenames: Sequence[str]) -> Ends:
    """The rows that share the end of a path."""
    ends = Ends(defaultdict(list), defaultdict(list))
    for row, name in enumerate(filenames):
        parts = PurePath(name).parts
        ends.by_base[parts[-1] if parts else ""].append(row)
        ends.by_two[parts[-2:]].append(row)
    return ends


def find_row(name: str, filenames: Sequence[str], ends: Ends) -> int | None:
    """The row whose name shares the most trailing parts of the path with `name`; None if there
    is none.

    A single shared part, the bare file name, is enough only if one of the two has no other part.
    Raises InvalidArgument if two rows fit equally well.
    """
    parts = PurePath(name).parts
    if not parts:
        return None
    if len(parts) == 1:
        rows = ends.by_base.get(parts[0], [])
    else:
        rows = ends.by_two.get(parts[-2:]) or ends.by_two.get(parts[-1:], [])
    common = [_common(parts, PurePath(filenames[row]).parts) for row in rows]
    most = max(common, default=0)
    best = [row for row, shared in zip(rows, common, strict=True) if shared == most]
    if len(best) > 1:
        raise InvalidArgument(
            f"{name!r} may be {filenames[best[0]]!r} or {filenames[best[1]]!r} of the run; give a "
            "longer part of its path"
        )
    return best[0] if best else None


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    count = 0
    for a, b in zip(reversed(one), reversed(other), strict=False):
        if a != b:
            break
        count += 1
    return count
