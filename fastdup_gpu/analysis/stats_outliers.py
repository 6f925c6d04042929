"""Removes, moves or relabels images with unusual statistics."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from fastdup_gpu._arguments import flag, one_of, path_text
from fastdup_gpu._errors import InvalidArgument
from fastdup_gpu._words import count, say
from fastdup_gpu.analysis import derived, removal, trash
from fastdup_gpu.analysis.annotations import as_labels
from fastdup_gpu.analysis.bounds import bounds_of, numbers_of
from fastdup_gpu.analysis.cvat import export_to_cvat
from fastdup_gpu.analysis.deletion import Plan, finish
from fastdup_gpu.analysis.label_sources import call
from fastdup_gpu.analysis.labelimg import export_to_labelImg
from fastdup_gpu.analysis.removal import Item, Origin, as_items
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
    """Remove, move or relabel images whose `metric` is out of bounds; returns their paths.

    See fastdup_gpu.delete_or_retag_stats_outliers.
    """
    one_of("how", how, HOW)
    dry_run = flag("dry_run", dry_run)
    table = _read(stats_file, metric, filename_col, label_col)
    values = numbers_of(table[metric], metric)
    bounds = bounds_of(values, lower_percentile, upper_percentile, lower_threshold, upper_threshold)
    found = table[bounds.outside(values)]
    names = [_name(cell, filename_col) for cell in found[filename_col]]
    first = ~pd.Series(names, dtype=object).duplicated().to_numpy()
    found, names = found[first], list(dict.fromkeys(names))
    origin = Origin(results.work_dir_of(stats_file, work_dir))
    function = get_reformat_filename_func
    items = origin.items(names) if function is None else reformatted(names, function)
    if how in RETAG:
        labels = [as_labels(label) for label in found[label_col]] if label_col is not None else None
        return _retag(items, labels, how, folder_for(save_path, how), dry_run)
    folder = folder_for(save_path, how) if how == "move" else None
    going, refused = removal.sort_out(items, origin)
    return (
        finish(Plan(going, refused), dry_run)
        if folder is None
        else _move(going, refused, folder, dry_run)
    )


def _read(
    stats_file: pd.DataFrame | str | os.PathLike[str],
    metric: str,
    filename_col: str,
    label_col: str | None,
) -> pd.DataFrame:
    table = (
        stats_file
        if isinstance(stats_file, pd.DataFrame)
        else results.read_stats(stats_file, argument="stats_file")
    )
    by_size = isinstance(metric, str) and metric == "size"
    if by_size and "size" not in table and {"width", "height"} <= set(table):
        table = table.assign(size=table["width"] * table["height"])
    one_of("filename_col", filename_col, table)
    if label_col is not None:
        one_of("label_col", label_col, table)
    one_of("metric", metric, [name for name in table if name not in ("index", filename_col)])
    return table


def _name(cell: object, filename_col: str) -> str:
    try:
        return path_text("file name", cell)
    except InvalidArgument as error:
        raise InvalidArgument(
            f"column filename_col={filename_col!r} contains {cell!r}; expected file names"
        ) from error


def _move(
    items: Sequence[Item], refused: list[tuple[str, str]], folder: Path, dry_run: bool
) -> list[str]:
    going, locked = trash.movable(items)
    refused = refused + locked
    derived.tell(going)
    if dry_run:
        trash.report([item.path for item in going], refused, f"move to {str(folder)!r}")
        return [item.path for item in going]
    outcome = trash.to_folder(going, folder)
    outcome.refused[:0] = refused
    trash.summarize(outcome, f"moved to {str(folder)!r}:")
    return outcome.done


def _retag(
    items: Sequence[Item],
    labels: list[list[str]] | None,
    how: str,
    folder: Path,
    dry_run: bool,
) -> list[str]:
    paths = [item.path for item in items]
    if dry_run:
        trash.report(paths, [], f"export for {how.partition('=')[2]} to {str(folder)!r}")
        return paths
    written = RETAG[how](paths, labels, folder) if items else []
    say(f"wrote {len(written)} of {count(len(items), 'file')} to {str(folder)!r}")
    return [paths[position] for position in written]


def reformatted(names: Iterable[str], function: Callable[[str], Any]) -> list[Item]:
    """Items whose paths a user's function returns, as a str or a path."""

    def path_of(name: str) -> str:
        return path_text("its result", function(name))

    argument = "get_reformat_filename_func"
    return as_items((name, call(path_of, name, argument)) for name in names)


def folder_for(save_path: str | os.PathLike[str] | None, how: str) -> Path:
    """The save_path, which `how` requires."""
    if save_path is None or not path_text("save_path", save_path):
        raise InvalidArgument(f"how={how!r} needs save_path, the folder to write to")
    return Path(save_path)
