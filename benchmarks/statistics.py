"""Compare two atrain_stats.csv over the same pictures, column by column.

    python -m benchmarks.statistics OURS.csv PEER.csv [--out CSV]

A row a column: pictures in both, share that is equal as written, median, 99 % and largest
relative difference.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks import environment
from benchmarks.run import write_rows

COLUMNS = ("column", "images", "equal", "median", "p99", "largest", "date", "commit")


def compare(ours: pd.DataFrame, peer: pd.DataFrame) -> list[dict[str, object]]:
    """One row for every numeric column that both have."""
    both = ours.merge(peer, on="filename", suffixes=("", "_peer"))
    about = environment.describe()
    rows = []
    for column in ours.columns:
        if column in ("index", "filename") or f"{column}_peer" not in both:
            continue
        a, b = both[column].to_numpy(float), both[f"{column}_peer"].to_numpy(float)
        gap = np.abs(a - b) / np.maximum(np.maximum(np.abs(a), np.abs(b)), 1e-9)
        rows.append(
            {
                "column": column,
                "images": len(both),
                "equal": round(float((gap == 0).mean()), 4),
                "median": f"{np.median(gap):.2g}",
                "p99": f"{np.quantile(gap, 0.99):.2g}",
                "largest": f"{gap.max():.2g}",
                "date": about["date"],
                "commit": about["commit"],
            }
        )
    return rows


def main() -> None:
    """Parse the command line, compare, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("ours", type=Path)
    parser.add_argument("peer", type=Path)
    results = Path(__file__).parent / "results"
    parser.add_argument("--out", type=Path, default=results / "statistics.csv")
    args = parser.parse_args()
    rows = compare(pd.read_csv(args.ours), pd.read_csv(args.peer))
    write_rows(args.out, rows, COLUMNS)
    print(pd.DataFrame(rows)[list(COLUMNS[:-2])].to_string(index=False))


if __name__ == "__main__":
    main()
