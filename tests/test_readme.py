"""README says what the committed rows say."""

from __future__ import annotations

import re
import subprocess
import sys
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


def test_the_sample_output_is_what_the_demo_prints(tmp_path):
    """To the letter where pictures are counted; similarities differ a little between CPUs."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (sample,) = re.findall(r"```\n(\d+ images read.*?)```", text, re.DOTALL)
    command = [sys.executable, "-m", "fastdup_gpu", "demo", str(tmp_path / "demo")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    told, printed = sample.splitlines(), done.stdout.splitlines()
    assert told[:5] == printed[:5]
    for one, other in zip(told, printed, strict=False):
        assert re.sub(r"\d[\d.]*", "N", one) == re.sub(r"\d[\d.]*", "N", other)


def test_the_examples_are_python():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for example in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        compile(example, "README.md", "exec")
