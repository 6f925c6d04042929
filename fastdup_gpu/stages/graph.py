"""Edges -> connected components and pagerank -> their two csv files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastdup_gpu.formats import names
from fastdup_gpu.formats.files import write_csv
from fastdup_gpu.protocol import F64, I64, Backend
from fastdup_gpu.stages.neighbors import Edges


@dataclass(frozen=True, slots=True)
class Components:
    """`labels` i64[n]; `counts`, `mean`, `low`, `high` per component, over its images and edges.

    A component of one image has count 0 and zeros, as the format wants it.
    """

    labels: I64
    counts: I64
    mean: F64
    low: F64
    high: F64


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
    return Components(labels, counts, mean, low, high)


def write_components(folder: Path, found: Components, pagerank: F64 | None) -> None:
    """connected_components.csv (one row an image) and component_info.csv (two images and more)."""
    columns = names.COMPONENTS_COLUMNS if pagerank is not None else names.COMPONENTS_COLUMNS[:-1]
    write_csv(folder / names.COMPONENTS, columns, _image_rows(found, pagerank))
    info = ((c, *_numbers(found, c)) for c in np.flatnonzero(found.counts).tolist())
    write_csv(folder / names.COMPONENT_INFO, names.COMPONENT_INFO_COLUMNS, info)


def _image_rows(found: Components, pagerank: F64 | None) -> Iterator[tuple[object, ...]]:
    for row, component in enumerate(found.labels.tolist()):
        base = (row, component, *_numbers(found, component))
        yield base if pagerank is None else (*base, f"{pagerank[row]:.9g}")


def _numbers(found: Components, component: int) -> tuple[object, ...]:
    values = (found.mean[component], found.low[component], found.high[component])
    return (int(found.counts[component]), *(f"{v:.6f}" for v in values))
