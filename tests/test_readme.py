"""README says what the committed rows say."""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks import readme_table

ROOT = Path(__file__).parent.parent


def test_benchmark_table_is_made_from_the_rows():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text.split(readme_table.BEGIN)[1].split(readme_table.END)[0]
    assert table == readme_table.table()


def test_links_lead_somewhere():
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert target.startswith("http") or (page.parent / target).exists(), (page, target)
