"""Taking away, moving or relabelling pictures whose statistics are out of the ordinary."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from fastdup_gpu._errors import InvalidArgument, choose
from fastdup_gpu._words import count
from fastdup_gpu.analysis import derived, removal
from fastdup_gpu.analysis.annotations import as_labels
from fastdup_gpu.analysis.cvat import export_to_cvat
from fastdup_gpu.analysis.deletion import finish
from fastdup_gpu.analysis.labelimg import export_to_labelImg
from fastdup_gpu.analysis.removal import Item, Origin
from fastdup_gpu.formats import results

RETAG: dict[str, Callable[..., list[int]]] = {
    "retag=labelImg": export_to_labelImg,
    "retag=cvat": export_to_cvat,
}
HOW = ("delete", "move", *RETAG)


def delete_or_retag_stats_outliers(
    stats_file: pd.DataFrame | str | os.PathLike[str],
    metric: str,
    filename_col: str = "filename",
    label_col: str | None = None,
    lower_percentile: float | None = None,
    upper_percentile: float | None = None,
    lower_threshold: float | None = None,
    upper_threshold: float | None = None,
    get_reformat_filename_func: Callable[[str], Any] | None = None,
    dry_run: bool = True,
    how: str = "delete",
    save_path: str | os.PathLike[str] | None = None,
    work_dir: str | os.PathLike[str] | None = None,
) -> list[str]:
    """Deal with pictures whose `metric` is out of bounds; the names of those dealt with.

    See fastdup_gpu.delete_or_retag_stats_outliers.
    """
    if how not in HOW:
        raise choose("how", how, HOW)
    table = _read(stats_file, metric, filename_col, label_col)
    values = pd.to_numeric(table[metric], errors="coerce")
    bounds = bounds_of(values, lower_percentile, upper_percentile, lower_threshold, upper_threshold)
    found = table[bounds.outside(values)].drop_duplicates(filename_col)
    items = reformatted(found[filename_col], get_reformat_filename_func)
    if how in RETAG:
        labels = [as_labels(label) for label in found[label_col]] if label_col else None
        return _retag(items, labels, how, folder_for(save_path, how), dry_run)
    folder = folder_for(save_path, how) if how == "move" else None
    origin = Origin(results.work_dir_of(stats_file, work_dir))
    going, refused = removal.sort_out(items, origin)
    return (
        finish(going, refused, dry_run)
        if folder is None
        else _move(going, refused, folder, dry_run)
    )


def _read(
    stats_file: pd.DataFrame | str | os.PathLike[str],
    metric: str,
    filename_col: str,
    label_col: str | None,
) -> pd.DataFrame:
    table = stats_file if isinstance(stats_file, pd.DataFrame) else results.read_stats(stats_file)
    if metric == "size" and "size" not in table and {"width", "height"} <= set(table):
        table = table.assign(size=table["width"] * table["height"])
    wanted = {"metric": metric, "filename_col": filename_col, "label_col": label_col}
    for argument, column in wanted.items():
        if column is not None and column not in table:
            raise choose(argument, column, list(table))
    return table


def _move(
    going: Sequence[Item], refused: list[tuple[str, str]], folder: Path, dry_run: bool
) -> list[str]:
    derived.tell(going)
    if dry_run:
        removal.report([item.name for item in going], refused, f"move to {str(folder)!r}")
        return [item.name for item in going]
    outcome = removal.to_folder(going, folder)
    outcome.refused[:0] = refused
    removal.summarize(outcome, f"moved to {str(folder)!r}:")
    return outcome.done


def _retag(
    items: Sequence[Item],
    labels: list[list[str]] | None,
    how: str,
    folder: Path,
    dry_run: bool,
) -> list[str]:
    names = [item.name for item in items]
    if dry_run:
        removal.report(names, [], f"write for {how.partition('=')[2]} to {str(folder)!r}")
        return names
    written = RETAG[how]([item.path for item in items], labels, folder) if items else []
    print(f"wrote {len(written)} of {count(len(items), 'file')} to {str(folder)!r}")
    return [names[position] for position in written]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What counts as an outlier of a metric: below `low` or above `high`."""

    low: float | None
    high: float | None

    def outside(self, values: pd.Series[float]) -> pd.Series[bool]:
        """Which values lie outside; nan never does."""
        below = values < (float("-inf") if self.low is None else self.low)
        return below | (values > (float("inf") if self.high is None else self.high))


def bounds_of(
    values: pd.Series[float],
    lower_percentile: float | None,
    upper_percentile: float | None,
    lower_threshold: float | None,
    upper_threshold: float | None,
) -> Bounds:
    """The thresholds given, or those at the percentiles (0 to 1, by linear interpolation)."""
    given = {
        "lower": (lower_percentile, lower_threshold),
        "upper": (upper_percentile, upper_threshold),
    }
    limits: list[float | None] = []
    for side, (percentile, threshold) in given.items():
        if percentile is not None and threshold is not None:
            raise InvalidArgument(
                f"{side}_percentile={percentile!r} and {side}_threshold={threshold!r} were both "
                "given; use one of them"
            )
        if percentile is not None and not 0 <= percentile <= 1:
            raise InvalidArgument(
                f"{side}_percentile={percentile!r}: expected a number from 0 to 1"
            )
        limits.append(threshold if percentile is None else float(values.quantile(percentile)))
    if limits == [None, None]:
        raise InvalidArgument(
            "nothing to look for; give lower_percentile, upper_percentile, lower_threshold or "
            "upper_threshold"
        )
    return Bounds(*limits)


def reformatted(names: Iterable[str], function: Callable[[str], Any] | None) -> list[Item]:
    """Items whose paths a user's function tells; it may return a str or a path."""
    if function is None:
        return [Item(name, name) for name in names]
    items = []
    for name in names:
        try:
            path = os.fsdecode(function(name))
        except Exception as error:  # a user's function may raise anything
            raise InvalidArgument(
                f"get_reformat_filename_func failed for {name!r}: {type(error).__name__}: {error}"
            ) from error
        items.append(Item(name, path))
    return items


def folder_for(save_path: str | os.PathLike[str] | None, how: str) -> Path:
    """The save_path, which `how` needs."""
    if save_path is None or not os.fspath(save_path):
        raise InvalidArgument(f"how={how!r} needs save_path, the folder to write to")
    return Path(save_path)
