"""`python -m benchmarks.readme_table`: README's benchmark table, made from the committed rows."""

from __future__ import annotations

import csv
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- benchmark -->\n", "<!-- /benchmark -->"
TITLES = {
    "run_1k": "whole run, 1,000 JPEGs",
    "run_10k": "whole run, 10,000 JPEGs",
    "extract_10k": "extraction alone, 10,000 JPEGs",
    "high_accuracy_1k": "whole run, high accuracy, 1,000 JPEGs",
    "grouped_100k": "neighbours of 100,000 x 576 in groups",
    "neighbors_100k": "neighbours of 100,000 x 576 at random",
    "grouped_1m": "neighbours of 1,000,000 x 576 in groups",
    "neighbors_1m": "neighbours of 1,000,000 x 576 at random",
}

NOTE = "Medians. Where a cell of peak MB or recall has one figure, it is ours. Machines:"
OURS = ("fastdup-gpu", "fastdup-gpu, onnxruntime", "fastdup-gpu, openvino")
PEER = "peer"
Row = dict[str, str]


def table() -> str:
    """Markdown: a row for each case and machine, with ratios to the peer, then quality."""
    rows = _last(_read(RESULTS / "cpu.csv"))
    machines = list(dict.fromkeys(map(_machine, rows)))
    lines = [
        "| | machine | images/s (onnxruntime) | images/s (OpenVINO) | images/s (peer) "
        "| speed-up over the peer (onnxruntime and OpenVINO) "
        "| peak MB (onnxruntime, OpenVINO; peer) | recall (ours; peer) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for case, title in TITLES.items():
        for machine, letter in zip(machines, "ABCDEFGH", strict=False):
            of = {r["who"]: r for r in rows if r["case"] == case and _machine(r) == machine}
            if of:
                lines.append(f"| {title} | {letter} | {_cells(of)} |")
    told = (
        f"{letter}: {m}, {_days(m, rows)}." for letter, m in zip("ABCDEFGH", machines, strict=False)
    )
    return "\n".join([*lines, "", f"{NOTE} {' '.join(told)}", "", *_quality(), ""])


def _last(rows: list[Row]) -> list[Row]:
    """Of several rows of one case on the same kind of machine the last."""
    return list({(r["case"], r["who"], r["cores"], r["cpu"]): r for r in rows}.values())


def _machine(row: Row) -> str:
    return f"{row['cores']} cores, {row['cpu']}"


def _days(machine: str, rows: list[Row]) -> str:
    return " and ".join(sorted({row["date"] for row in rows if _machine(row) == machine}))


def _cells(of: dict[str, Row]) -> str:
    """What stands behind a case: ours beside the peer's, the best of ours where one is shown."""
    ours = [of[who] for who in OURS if who in of]
    peer = of.get(PEER)
    if peer is not None and peer["date"] != ours[-1]["date"]:
        peer = None  # measured at another time, so not side by side
    speeds = [f"{float(row['images_per_second']):,.0f}" for row in ours]
    cells = [speeds[0], speeds[1] if len(speeds) > 1 else "-"]
    if peer is None:
        return " | ".join([*cells, "-", "-", ours[-1]["peak_mb"], ours[-1]["recall"] or "-"])
    times = [f"{float(peer['seconds_p50']) / float(row['seconds_p50']):.1f}" for row in ours]
    both = [_both([row[column] for row in [*ours, peer]]) for column in ("peak_mb", "recall")]
    speed = f"{float(peer['images_per_second']):,.0f}"
    return " | ".join([*cells, speed, " and ".join(times), *both])


def _both(values: list[str]) -> str:
    """'272, 343; 299': ours, then the peer's."""
    *ours, peer = values
    return f"{', '.join(ours)}; {peer}" if peer else "-"


def _quality() -> list[str]:
    lines = [
        "| near duplicates, over all pairs | average precision | recall at 99 % precision "
        "| recall at similarity 0.9 | false pairs at similarity 0.9 |",
        "|---|---|---|---|---|",
    ]
    overall = [row for row in _read(RESULTS / "quality.csv") if row["severity"] == "all"]
    for row in {row["who"]: row for row in overall}.values():
        values = (row[c] for c in ("average_precision", "recall_at_p99", "recall_at_0.9"))
        lines.append(f"| {row['who']} | {' | '.join(values)} | {row['wrong_at_0.9']} |")
    return lines


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def main() -> None:
    """Put the table between the marks of README.md."""
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    README.write_text(f"{before}{BEGIN}{table()}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
