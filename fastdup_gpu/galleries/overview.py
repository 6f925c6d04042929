"""The first tab of the report: how many images each finding concerns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from fastdup_gpu.analysis.issues import unusual
from fastdup_gpu.analysis.similarity import near_duplicates_from
from fastdup_gpu.galleries import words
from fastdup_gpu.galleries.album import Album
from fastdup_gpu.galleries.render import View

if TYPE_CHECKING:
    from fastdup_gpu.galleries.report import Findings

ALMOST_SAME = 0.98  # a similarity
EXAMPLES = 6  # fills rows of one, two or three


def overview_view(album: Album, found: Findings) -> View:
    """Cards with counts of images, and the first entries of the tabs."""
    total = len(found.filenames) + found.of_test
    cards: list[dict[str, Any]] = [{"label": "Images", "value": f"{total:,}"}]
    if found.pairs is not None:
        cards += _duplicate_cards(found.curve, found.marks, total)
    if found.groups is not None:
        images = int(found.groups["len"].sum())
        note = f"in {words.count(len(found.groups), 'group')}"
        cards.append(_card("In groups of similar images", images, note, "components", total))
    if found.outliers is not None:
        note = "least similar to all others"
        cards.append(_card("Outliers", len(found.outliers), note, "outliers", total))
    if found.rows is not None and "score" in found.rows:
        wrong = int((found.rows["score"] == 0).sum())
        cards.append(
            _card("Labels to check", wrong, "no neighbour has the same", "similarity", total)
        )
    if found.stats is not None:
        cards += _stats_cards(found.stats, total)
    if found.bad is not None:
        cards.append(_card("Files that could not be read", len(found.bad), "", "bad", 0))
    return {
        "id": "overview",
        "title": "Overview",
        "kind": "overview",
        "cards": cards,
        "parts": _parts(found),
        "items": [],
    }


def _card(label: str, value: int, note: str, tab: str, total: int) -> dict[str, Any]:
    card: dict[str, Any] = {"label": label, "value": f"{value:,}", "tab": tab}
    if total:
        share = value / total
        card |= {"share": round(min(1.0, share), 4)}
        note = f"{note}, {_percent(share)}" if note else _percent(share)
    return card | ({"note": note} if note else {})


def _percent(share: float) -> str:
    return f"{100 * share:.1f}\N{NO-BREAK SPACE}%"


def similarity_marks(work_dir: Path) -> list[float]:
    """The similarities that the page reports: that of near duplicates, and that of images which
    are almost the same."""
    near = near_duplicates_from(work_dir)
    return sorted({near, max(near, ALMOST_SAME)})


def _duplicate_cards(
    rows: Sequence[Sequence[float]], marks: Sequence[float], total: int
) -> list[dict[str, Any]]:
    """Cards for the rows of the curve (thresholds ascending) at the marks."""
    cards = []
    for mark in reversed(marks):
        row = next((row for row in rows if row[0] >= round(mark, 4)), [0] * 5)
        groups, spare = int(row[3]), int(row[4])
        note = f"duplicates in {words.count(groups, 'group')}"
        card = _card(f"Removable at similarity {mark:g}", spare, note, "duplicates", total)
        cards.append(card | {"at": mark})
    return cards


def _stats_cards(stats: pd.DataFrame, total: int) -> list[dict[str, Any]]:
    return [
        _card(one.label, int(one.fits.sum()), one.note, "statistics", total)
        for one in unusual(stats)
    ]


def _parts(found: Findings) -> list[dict[str, Any]]:
    titles = {"duplicates": "Most similar pairs", "outliers": "Least similar images"}
    return [
        {
            "title": titles[view["id"]],
            "tab": view["id"],
            "kind": view["kind"],
            "items": _different(view["items"]),
        }
        for view in found.views
        if view["id"] in titles and view["items"]
    ]


def _different(items: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first entries such that no two show the same image."""
    chosen: list[dict[str, Any]] = []
    shown: set[int] = set()
    for item in items:
        if shown.isdisjoint(item["p"]) and len(chosen) < EXAMPLES:
            chosen.append(item)
            shown.update(item["p"])
    return chosen
