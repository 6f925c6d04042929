"""Names from elsewhere matched with the names of a run, by how their paths end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import PurePath

from fastdup_gpu._errors import InvalidArgument


def rows_by_base(filenames: Sequence[str]) -> dict[str, list[int]]:
    """The rows that have a last part of the path in common."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, name in enumerate(filenames):
        rows[PurePath(name).name].append(row)
    return rows


def find_row(
    name: str, filenames: Sequence[str], by_base: Mapping[str, Sequence[int]]
) -> int | None:
    """The row whose name shares the most trailing parts of the path with `name`; None where
    there is none.

    One part in common, the bare file name, is enough only where either of the two has no more.
    Raises InvalidArgument where two rows fit equally well.
    """
    parts = PurePath(name).parts
    ranked = (
        [
            (_common(parts, PurePath(filenames[row]).parts), row)
            for row in by_base.get(parts[-1], ())
        ]
        if parts
        else []
    )
    fitting = [
        (common, row) for common, row in ranked if common > 1 or _is_bare(parts, filenames[row])
    ]
    most = max((common for common, _ in fitting), default=0)
    best = [row for common, row in fitting if common == most]
    if len(best) > 1:
        raise InvalidArgument(
            f"{name!r} may be {filenames[best[0]]!r} or {filenames[best[1]]!r} of the run; give "
            "more of its path"
        )
    return best[0] if best else None


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    count = 0
    for a, b in zip(reversed(one), reversed(other), strict=False):
        if a != b:
            break
        count += 1
    return count


def _is_bare(parts: Sequence[str], other: str) -> bool:
    return len(parts) == 1 or len(PurePath(other).parts) == 1
