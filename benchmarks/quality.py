"""Near-duplicate quality of finished runs against ground truth, from the files they wrote.

    python -m benchmarks.quality --truth FOLDER NAME=WORK_DIR [NAME=WORK_DIR ...] [--out CSV]

FOLDER holds groups.csv (file, group) and pairs.csv (from, to, severity). All pairs of pictures
count: two of one group are a true pair. Pictures are matched by file name.
"""

from __future__ import annotations

import argparse
import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import environment
from benchmarks.run import write_rows
from fastdup_gpu.protocol import F32, F64, I64

COLUMNS = (
    "who", "images", "severity", "pairs", "average_precision", "recall_at_p99",
    "recall_at_0.9", "wrong_at_0.9", "date", "commit",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Truth:
    """`group` of each file; `severity` of each (base, copy) pair of file names."""

    group: dict[str, str]
    severity: dict[frozenset[str], int]


@dataclass(frozen=True, slots=True)
class Scored:
    """All pairs, best first: `scores`, whether `true`, `severity` (-1 = not a listed pair)."""

    scores: F64
    true: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    severity: I64


def read_truth(folder: Path) -> Truth:
    """groups.csv and pairs.csv."""
    with (folder / "groups.csv").open(newline="") as stream:
        group = {Path(r["file"]).name: r["group"] for r in csv.DictReader(stream)}
    with (folder / "pairs.csv").open(newline="") as stream:
        severity = {
            frozenset((Path(r["from"]).name, Path(r["to"]).name)): int(r["severity"])
            for r in csv.DictReader(stream)
        }
    return Truth(group, severity)


def read_run(work_dir: Path) -> tuple[list[str], F32]:
    """File names and unit rows of the stored features."""
    with (work_dir / "atrain_features.dat.csv").open(newline="") as stream:
        names = [Path(r["filename"]).name for r in csv.DictReader(stream)]
    rows = np.fromfile(work_dir / "atrain_features.dat", "<f4").reshape(len(names), -1)
    return names, rows / np.linalg.norm(rows, axis=1, keepdims=True)


def score_pairs(names: list[str], rows: F32, truth: Truth) -> Scored:
    """Cosine of every unordered pair."""
    left, right = np.triu_indices(len(names), 1)
    scores = (rows @ rows.T)[left, right].astype(np.float64)
    groups = np.unique([truth.group[n] for n in names], return_inverse=True)[1]
    severity = np.full(len(left), -1)
    place = {name: i for i, name in enumerate(names)}
    flat = np.full((len(names), len(names)), -1)
    for pair, value in truth.severity.items():
        a, b = sorted(place.get(name, -1) for name in pair)
        if a >= 0:
            flat[a, b] = value
    severity = flat[left, right]
    order = np.argsort(-scores, kind="stable")
    return Scored(scores[order], (groups[left] == groups[right])[order], severity[order])


def average_precision(scored: Scored) -> float:
    """Mean over true pairs of the precision at their rank."""
    hits = np.cumsum(scored.true)
    precision = hits / np.arange(1, len(hits) + 1)
    return float((precision * scored.true).sum() / scored.true.sum())


def threshold_at_precision(scored: Scored, least: float) -> float:
    """The lowest score down to which precision is at least `least`."""
    precision = np.cumsum(scored.true) / np.arange(1, len(scored.true) + 1)
    good = np.flatnonzero(precision >= least)
    return float(scored.scores[good[-1]]) if len(good) else float("inf")


def recall(scored: Scored, threshold: float, severity: int | None = None) -> float:
    """Share of true pairs (of one severity) with at least that score."""
    wanted = scored.true if severity is None else scored.severity == severity
    return float((wanted & (scored.scores >= threshold)).sum() / max(1, wanted.sum()))


def rows_of(who: str, work_dir: Path, truth: Truth) -> list[dict[str, object]]:
    """One row for all pairs, one for each severity."""
    names, features = read_run(work_dir)
    scored = score_pairs(names, features, truth)
    strict = threshold_at_precision(scored, 0.99)
    about = environment.describe()
    rows = []
    for severity in (None, *sorted(set(truth.severity.values()))):
        wanted = scored.true if severity is None else scored.severity == severity
        wrong = int((~scored.true & (scored.scores >= 0.9)).sum())
        rows.append(
            {
                "who": who,
                "images": len(names),
                "severity": "all" if severity is None else severity,
                "pairs": int(wanted.sum()),
                "average_precision": round(average_precision(scored), 4)
                if severity is None
                else "",
                "recall_at_p99": round(recall(scored, strict, severity), 4),
                "recall_at_0.9": round(recall(scored, 0.9, severity), 4),
                "wrong_at_0.9": wrong if severity is None else "",
                "date": about["date"],
                "commit": about["commit"],
            }
        )
    return rows


def main() -> None:
    """Parse the command line, score, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("runs", nargs="+", metavar="NAME=WORK_DIR")
    parser.add_argument("--out", default=str(Path(__file__).parent / "results" / "quality.csv"))
    args = parser.parse_args()
    truth = read_truth(args.truth)
    for run in args.runs:
        who, _, work_dir = run.partition("=")
        rows = rows_of(who, Path(work_dir), truth)
        write_rows(Path(args.out), rows, COLUMNS)
        for row in rows:
            print(*(row[c] for c in COLUMNS[:-2]))


if __name__ == "__main__":
    main()
