"""The gallery of a statistic: the images with its smallest or largest values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pandas as pd

from fastdup_gpu.analysis.label_order import order_of_rows
from fastdup_gpu.formats import results
from fastdup_gpu.galleries import words
from fastdup_gpu.galleries.album import Album
from fastdup_gpu.galleries.options import Options, Slice, make_options
from fastdup_gpu.galleries.render import Page, View, publish
from fastdup_gpu.galleries.select import histogram, ranked, slice_mask

NAMES = {
    "size": "area",
    "blur": "sharpness",
    "mean": "mean brightness",
    "min": "darkest value",
    "max": "brightest value",
    "stdv": "standard deviation",
    "unique": "distinct values",
    "file_size": "file size",
}
UNITS = {"size": "pixels", "width": "pixels", "height": "pixels", "file_size": "bytes"}
MEANINGS = {
    "blur": "The variance of the Laplacian: low for blurred images.",
    "mean": "The mean of all colour values, 0 (black) to 255 (white).",
    "stdv": "How much the colour values differ: low for images of one colour.",
    "unique": "How many different colour values an image has.",
}


def create_stats_gallery(stats_file: Any, kwargs: dict[str, Any], **given: Any) -> None:
    """Write <metric>.html; see the public function for the arguments."""
    options = make_options(given, kwargs)
    album, stats = read_rows(stats_file, options)
    metric = options.metric or "blur"
    table = ranked(stats, metric, descending=options.descending)
    table = sliced(album, table, options.slice)
    view = stats_view(album, table, metric)
    order = "largest" if options.descending else "smallest"
    subtitle = f"{order} values of {words.count(len(table), 'image')}"
    stem = re.sub(r"[^\w.-]+", "_", metric)  # a table of the user's may have any columns
    page = Page(stem, title(metric), subtitle, [view], thumb_width=options.max_width)
    publish(page, album, table.iloc[: options.shown])


def read_rows(stats_file: Any, options: Options) -> tuple[Album, pd.DataFrame]:
    """The statistics, and an album for them. If the run is not known, labels without names belong
    to the rows of the table in their order."""
    work_dir = results.work_dir_of(stats_file, options.work_dir)
    labelled = options.get_label_func is not None
    stats = results.read_stats(stats_file, None if labelled else options.nrows, "stats_file")
    album = Album(options, work_dir, order_of_rows(stats) if labelled else None)
    album.labels(list(stats["filename"]))
    return album, stats if options.nrows is None else stats.head(options.nrows)


def sliced(album: Album, table: pd.DataFrame, slice: Slice) -> pd.DataFrame:
    """The rows of images with the labels wanted."""
    if slice is None:
        return table
    labels = album.labels(table["filename"].tolist()) or {}
    own = [labels[name] for name in table["filename"]]
    kept = slice_mask(slice, own, everywhere=album.labels_everywhere)
    return table[kept].reset_index(drop=True)


def title(metric: str) -> str:
    """A metric in words."""
    name = NAMES.get(metric, metric.replace("_", " "))
    return name[:1].upper() + name[1:]


def stats_view(
    album: Album, table: pd.DataFrame, metric: str, rows: Sequence[int] | None = None
) -> View:
    """The view of the first `num_images` rows, or of `rows`, with a histogram of all."""
    listed = table.iloc[: album.options.shown] if rows is None else table.iloc[list(rows)]
    unit = UNITS.get(metric, "")
    values = table[metric].to_numpy(dtype=float)
    spread = histogram(values)
    wide = spread["high"] - spread["low"]
    return {
        "id": metric,
        "title": title(metric),
        "kind": "cards",
        "intro": MEANINGS.get(metric, ""),
        "noun": ["image", "images"],
        "empty": "No statistics are stored.",
        "histogram": spread | {"label": title(metric), "digits": 0 if wide > 50 else 3},
        "items": [
            {
                "p": [album.add(name)],
                "v": value,
                "value": words.number(value),
                "sub": unit or NAMES.get(metric, metric),
            }
            for name, value in zip(listed["filename"], listed[metric].tolist(), strict=True)
        ],
    }
