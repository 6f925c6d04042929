"""Edges -> connected components and PageRank -> their two csv files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastdup_gpu.formats import names
from fastdup_gpu.formats.files import write_columns
from fastdup_gpu.protocol import F64, I64, Backend
from fastdup_gpu.stages.neighbors import Edges

# Image, component, its count and distances, PageRank.
_KINDS = ("%d", "%d", "%d", "%.6f", "%.6f", "%.6f", "%.9g")


@dataclass(frozen=True, slots=True)
class Components:
    """`labels` i64[n]; `counts`, `mean`, `low`, `high` per component, over its images and edges;
    `loosest`, the lowest similarity of all edges that join components, 1 without any.

    A component of one image has count 0 and zeros, as the format requires.
    """

    labels: I64
    counts: I64
    mean: F64
    low: F64
    high: F64
    loosest: float


def find_components(backend: Backend, n: int, edges: Edges, ccthreshold: float) -> Components:
    """Components of the graph of edges with similarity >= ccthreshold."""
    kept = edges.take(edges.similarity >= ccthreshold - 5e-7)
    labels = backend.components(n, kept.sources, kept.targets)
    size = int(labels.max(initial=-1)) + 1
    counts = np.bincount(labels, minlength=size)
    counts[counts == 1] = 0
    of_edge = labels[kept.sources]
    edge_counts = np.bincount(of_edge, minlength=size)
    totals = np.bincount(of_edge, weights=kept.scores, minlength=size)
    mean = np.divide(totals, edge_counts, out=np.zeros(size), where=edge_counts > 0)
    low, high = np.full(size, np.inf), np.full(size, -np.inf)
    np.minimum.at(low, of_edge, kept.scores)
    np.maximum.at(high, of_edge, kept.scores)
    empty = edge_counts == 0
    low[empty] = high[empty] = 0.0
    return Components(labels, counts, mean, low, high, float(kept.similarity.min(initial=1.0)))


def write_components(folder: Path, found: Components, pagerank: F64 | None) -> None:
    """Write connected_components.csv (one row per image) and component_info.csv (components of at
    least two images)."""
    columns = [np.arange(len(found.labels)), *_numbers(found, found.labels)]
    columns += [] if pagerank is None else [pagerank]
    shown = slice(len(columns))
    header = names.COMPONENTS_COLUMNS[shown]
    write_columns(folder / names.COMPONENTS, header, _KINDS[shown], columns)
    groups = np.flatnonzero(found.counts)
    info = names.COMPONENT_INFO_COLUMNS
    write_columns(folder / names.COMPONENT_INFO, info, _KINDS[1:-1], _numbers(found, groups))


def _numbers(found: Components, chosen: I64) -> list[I64 | F64]:
    """Number, count and distances of the chosen components."""
    values = (found.counts, found.mean, found.low, found.high)
    return [chosen, *(value[chosen] for value in values)]
