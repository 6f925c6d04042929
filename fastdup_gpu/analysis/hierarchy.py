"""Which groups of similar images are similar to each other: one level above the components."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from fastdup_gpu._errors import InvalidArgument
from fastdup_gpu._params import Tuning, parse_turi
from fastdup_gpu.analysis.similarity import edge_similarity
from fastdup_gpu.formats import names, results
from fastdup_gpu.formats.files import read_json, write_csv

FILE = "similarity_hierarchical_{threshold:g}.csv"
COLUMNS = (*names.EDGE_COLUMNS, "component_from", "component_to")


def write_hierarchy(table: pd.DataFrame, work_dir: Path, save_path: Path) -> None:
    """Write `similarity_hierarchical_<ccthreshold>.csv` for the groups of find_top_components().

    The similarity of two groups is that of their most similar pair of images in similarity.csv
    (single linkage); `from` and `to` are these two images. The most similar groups come first.
    """
    pairs = similar_groups(table, results.read_edges(work_dir), work_dir)
    path = save_path / FILE.format(threshold=_threshold(work_dir))
    write_csv(path, COLUMNS, zip(*(pairs[column] for column in COLUMNS), strict=True))


def similar_groups(table: pd.DataFrame, edges: pd.DataFrame, work_dir: Path | None) -> pd.DataFrame:
    """A row for every two groups that an edge connects; `distance` as in `edges`."""
    members = zip(table["files"], table["component_id"], strict=True)
    group_of = {name: int(number) for files, number in members for name in files}
    found = edges.assign(similarity=edge_similarity(edges, work_dir))
    for end in ("from", "to"):
        found[f"component_{end}"] = found[end].map(group_of)
    found = found.dropna(subset=["component_from", "component_to"])
    found = found.astype({"component_from": int, "component_to": int})
    found = found[found["component_from"] != found["component_to"]]
    groups = found[["component_from", "component_to"]]
    found = found.assign(low=groups.min(axis=1), high=groups.max(axis=1))
    order = ["similarity", "low", "high"]
    found = found.sort_values(order, ascending=[False, True, True], kind="stable")
    return found.drop_duplicates(["low", "high"]).reset_index(drop=True)


def _threshold(work_dir: Path) -> float:
    """The ccthreshold of the run."""
    given = (read_json(work_dir / names.CONFIG) or {}).get("turi_param", "")
    try:
        return parse_turi(str(given)).ccthreshold
    except InvalidArgument:  # of another release
        return Tuning().ccthreshold
