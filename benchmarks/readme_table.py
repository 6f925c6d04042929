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
    "neighbors_100k": "neighbours of 100,000 x 576",
    "neighbors_1m": "neighbours of 1,000,000 x 576",
}


def table() -> str:
    """Markdown: a speed row per case and package, ratios to the peer, then quality."""
    lines = [
        "| | | images/s | seconds | peak MB | recall | times the peer | on |",
        "|---|---|---|---|---|---|---|---|",
    ]
    rows = _last(_read(RESULTS / "cpu.csv"))
    machines = list(dict.fromkeys(_machine(row) for row in rows))
    lines += [
        f"| {TITLES[row['case']]} | {row['who']} | {float(row['images_per_second']):,.0f} "
        f"| {float(row['seconds_p50']):,.1f} | {row['peak_mb']} | {row['recall'] or '-'} "
        f"| {_times_the_peer(row, rows)} | {_letter(machines.index(_machine(row)))} |"
        for row in rows
    ]
    told = (f"{_letter(i)}: {machine}." for i, machine in enumerate(machines))
    return "\n".join([*lines, "", f"Medians. {' '.join(told)}", "", *_quality(), ""])


def _last(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """Of several rows of one case on the same kind of machine the last."""
    return list({(r["case"], r["who"], r["cores"], r["cpu"]): r for r in rows}.values())


def _machine(row: dict[str, str]) -> str:
    return f"{row['cores']} cores, {row['cpu']}, {row['date']}"


def _letter(index: int) -> str:
    return chr(ord("A") + index)


def _times_the_peer(row: dict[str, str], rows: list[dict[str, str]]) -> str:
    """Against the peer's row of the same case on the same machine and day."""
    for other in rows:
        alike = other["case"] == row["case"] and _machine(other) == _machine(row)
        if alike and other["who"] == "peer" != row["who"]:
            return f"{float(other['seconds_p50']) / float(row['seconds_p50']):.1f}"
    return "-"


def _quality() -> list[str]:
    lines = [
        "| near duplicates, all pairs | average precision | recall at 99 % precision "
        "| recall at 0.9 | wrong pairs at 0.9 |",
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
