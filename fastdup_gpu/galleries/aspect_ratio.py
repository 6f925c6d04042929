"""The gallery of aspect ratios: width against height, and images of unusual shape."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from fastdup_gpu._errors import FormatError
from fastdup_gpu.analysis.ranking import in_order
from fastdup_gpu.galleries import words
from fastdup_gpu.galleries.album import Album
from fastdup_gpu.galleries.options import make_options
from fastdup_gpu.galleries.render import Page, View, publish
from fastdup_gpu.galleries.select import histogram
from fastdup_gpu.galleries.stats import read_rows, sliced

EXAMPLES = 20  # of the widest, of the tallest, and of the most common shape
POINTS = 20_000


def create_aspect_ratio_gallery(stats_file: Any, kwargs: dict[str, Any], **given: Any) -> None:
    """Write aspect_ratio.html; see the public function for the arguments."""
    options = make_options(given, kwargs)
    album, stats = read_rows(stats_file, options)
    table = with_ratio(stats)
    table = sliced(album, table, options.slice).iloc[: options.shown]
    view = aspect_ratio_view(album, table)
    subtitle = f"width / height of {words.count(len(table), 'image')}"
    page = Page("aspect_ratio", "Aspect ratio", subtitle, [view], page_width=options.max_width)
    publish(page, album, table)


def with_ratio(stats: pd.DataFrame) -> pd.DataFrame:
    """Statistics with an added column `ratio`, without images of unknown size."""
    missing = [column for column in ("width", "height") if column not in stats]
    if missing:
        raise FormatError(f"the statistics have no column {' or '.join(missing)}")
    table = stats[(stats["width"] > 0) & (stats["height"] > 0)].reset_index(drop=True)
    return table.assign(ratio=table["width"] / table["height"])


def aspect_ratio_view(album: Album, table: pd.DataFrame) -> View:
    """The plot, a histogram of log2 of the ratio, and examples from both ends and the middle."""
    ratios = table["ratio"].to_numpy(dtype=float)
    view: View = {
        "id": "aspect_ratio",
        "title": "Aspect ratio",
        "kind": "cards",
        "intro": "The widest and the tallest images, and some of the most common shape.",
        "noun": ["image", "images"],
        "empty": "No image has a known size.",
        "histogram": histogram(ratios) | {"label": "Width / height", "digits": 2},
        "items": [
            {"p": [album.add(name)], "v": ratio, "value": f"{ratio:.2f}", "sub": f"{w} × {h}"}
            for name, ratio, w, h in _examples(table)
        ],
    }
    if len(table):
        view["plot"] = _plot(table)
    return view


def _examples(table: pd.DataFrame) -> list[tuple[str, float, int, int]]:
    if table.empty:
        return []
    ordered = in_order(table, "ratio", "filename")
    rounded = ordered["ratio"].round(2)
    common = ordered[rounded == rounded.mode().iloc[0]]
    parts = [ordered.iloc[::-1].head(EXAMPLES), ordered.head(EXAMPLES), common.head(EXAMPLES)]
    chosen = pd.concat(parts)
    chosen = chosen[~chosen.index.duplicated()]
    columns = [chosen[c].tolist() for c in ("filename", "ratio", "width", "height")]
    return list(zip(*columns, strict=True))


def _plot(table: pd.DataFrame) -> dict[str, Any]:
    step = -(-len(table) // POINTS)
    sizes = table[["width", "height"]].to_numpy(dtype=float)[::step]
    low, high = float(sizes.min()), float(sizes.max())
    span = np.log2(high / low) or 1.0
    places = np.round(1000 * np.log2(sizes / low) / span).astype(int)
    shape = np.sign(np.round(sizes[:, 0] / sizes[:, 1] - 1, 2))
    kinds = np.select([shape > 0, shape < 0], [1, 2], 0)
    return {
        "label": f"Width against height of {words.count(len(sizes), 'image')}",
        "xs": places[:, 0].tolist(),
        "ys": places[:, 1].tolist(),
        "kinds": kinds.tolist(),
        "kinds_named": [
            f"{name} ({int((kinds == i).sum()):,})"
            for i, name in enumerate(("square", "wider than tall", "taller than wide"))
        ],
        "axes": [f"width, {low:,.0f} to {high:,.0f} pixels, logarithmic", "height, same scale"],
    }
