"""`python -m benchmarks.gpu_status`: docs/gpu-status.md from the rows of the acceptance run.

A claim without a row on a GPU is 'not measured'; of several rows the last one counts.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "gpu.csv"
PAGE = Path(__file__).parent.parent / "docs" / "gpu-status.md"
Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Claim:
    """`what` a regular expression for the row's; `goal` the rate it should have, '' = none."""

    text: str
    stage: str
    what: str
    goal: str = ""


CLAIMS = (
    Claim("The conformance suite passes on the GPU", "conformance", "tests passed"),
    Claim("Conformance tests that fail on the GPU", "conformance", "tests failed", "0"),
    Claim("Decoding by nvImageCodec alone", "tuning", "nvimgcodec alone, 4 threads, hardware None"),
    Claim("Decoding by DALI alone", "tuning", r"dali alone, 4 threads, hardware 1\.0"),
    Claim("Decoding by nvImageCodec, with both resizes", "decoding", "decode by nvimgcodec"),
    Claim("Decoding by DALI, with both resizes", "decoding", "decode by dali"),
    Claim("Embedding by TensorRT", "embedding", "embed by tensorrt"),
    Claim("Embedding by TensorRT-RTX", "embedding", "embed by tensorrt_rtx"),
    Claim("Embedding by onnxruntime's CUDA provider", "embedding", "embed by onnxruntime"),
    Claim(
        "The model alone, by onnxruntime's CUDA provider",
        "tuning",
        r"onnxruntime alone, fp32 \(TF32\), batches of 128",
    ),
    Claim("Features against the CPU's", "smoke", "features against .*"),
    Claim("Statistics against the CPU's", "smoke", "statistics against .*"),
    Claim("Components and PageRank against the CPU's", "smoke", "components and pagerank .*"),
    Claim("Basic statistics", "statistics", "basic statistics"),
    Claim("Advanced statistics", "statistics", "advanced statistics"),
    Claim("Decode, embed and statistics together", "extraction", "extract"),
    Claim("Exact neighbours of 100,000 x 576", "neighbors", "exact neighbours of 100000 x 576"),
    Claim(
        "Exact neighbours of 1,000,000 x 576",
        "neighbors",
        "exact neighbours of 1000000 x 576",
        "under 10 s",
    ),
    Claim("Neighbours by CAGRA", "neighbors", "cagra neighbours of .*"),
    Claim("Neighbours by IVF-Flat", "neighbors", "ivf neighbours of .*"),
    Claim("Neighbours by IVF-PQ", "neighbors", "ivfpq neighbours of .*"),
    Claim("Neighbours by NN-descent", "neighbors", "nndescent neighbours of .*"),
    Claim(
        "Neighbours of 10,000,000 x 576 in host memory, by NN-descent",
        "huge",
        "nndescent neighbours of 10000000 x 576",
    ),
    Claim("Connected components by cuGraph", "graphs", "components of .*"),
    Claim("PageRank by cuGraph", "graphs", "pagerank of .*"),
    Claim("k-means", "graphs", "k-means to .*"),
    *(
        Claim(f"Kernel {name}, against CuPy alone", "kernels", f"kernel {name}", "faster")
        for name in (
            "area_resize nearest_exact pixel_stats pixel_stats_advanced braycurtis_topk row_topk"
        ).split()
    ),
    Claim("A whole run() on JPEGs of about 500 x 400", "whole_run", "whole run", "6,000 images/s"),
    Claim(
        "The same with colours that are not subsampled (4:4:4)", "whole_run_444", "whole run, 444"
    ),
)

_HEAD = """# GPU backend: what has been measured

The GPU backend has run on one NVIDIA H100, on 2026-11-27, in an earlier state of the code and with
libraries copied there; an environment made by the extras `cu13` or `cu12` has not run on a GPU.
*Not measured* means that the row has no result from any GPU, and a commit ending in *-dirty* had
changes that were committed only afterwards.

`python -m benchmarks.gpu_status` makes this page from the rows of `benchmarks/results/gpu.csv`,
which `python -m benchmarks.gpu_acceptance` writes on a machine with a GPU. The rows of 2026-11-27
for the stages smoke, tuning, conformance and neighbors were taken from the output of
`benchmarks.gpu_smoke`, pytest and scripts that timed parts of the backend.
[performance.md](performance.md) says what binds.
"""
_WITHOUT = """
## What is checked without a GPU

- The kernels compile for sm_80, sm_90, sm_100 and sm_120, and run on the CPU through a host shim
  (`tests/kernels`).
- The backend's own logic passes the conformance tests with numpy in place of CuPy and small
  stand-ins for the libraries (`tests/gpu`).
- Where the packages are installed, every call to one is checked against its own signatures
  (`tests/gpu/test_gpu_signatures.py`). DALI and nvImageCodec decode on the CPU, including bad files
  among good ones, cuVS searches HNSW files on the host, and all libraries that onnxruntime's CUDA
  provider needs, except the driver's, are found (`tests/gpu/test_gpu_real_libraries.py`).
- TensorRT-RTX builds engines of the packaged models for SM80, SM86, SM89 and SM120
  (`tests/gpu/test_gpu_tensorrt.py`; `.ci/run` installs its two wheels where they are available).
- `python -m benchmarks.gpu_host` measures the host's work per image while everything on the device
  takes no time. This bounds images/s, because only one thread at a time runs Python.
- The acceptance run itself, at tiny sizes on the CPU: `python -m benchmarks.gpu_acceptance
  --rehearse`; the checks of the smoke run, on stand-ins (`tests/gpu/test_gpu_smoke.py`).
"""


def read_rows(path: Path) -> list[Row]:
    """The rows of a GPU; [] where there are none."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as stream:
        return [row for row in csv.DictReader(stream) if row["compute"] == "gpu" and row["gpu"]]


def page(rows: list[Row]) -> str:
    """The whole of docs/gpu-status.md."""
    lines = ["", "| claim | goal | measured | size | seconds | on |", "|---|---|---|---|---|---|"]
    lines += [_line(claim, rows) for claim in CLAIMS]
    stages = [row["stage"] for row in rows if row["what"].startswith("of the run: ")]
    chosen = "whole_run" if "whole_run" in stages else "whole_run_444"
    steps = [r for r in rows if r["stage"] == chosen and r["what"].startswith("of the run: ")]
    text = _HEAD + "\n".join(lines) + "\n" + _steps(steps)
    return text + _tuning(rows) + _trouble(rows) + _WITHOUT


def _line(claim: Claim, rows: list[Row]) -> str:
    goal = claim.goal or "-"
    for row in reversed(rows):
        if row["stage"] == claim.stage and re.fullmatch(claim.what, row["what"]):
            rate = f"{row['rate']} {row['unit']}".strip() or row["size"]
            copies = row["transfer_seconds"]
            told = [rate, _cell(row["note"]), f"copies alone {copies} s" if copies else ""]
            measured = "; ".join(filter(None, told))
            where = f"{row['gpu']}, driver {row['driver']}, {row['date']}, {row['commit']}"
            cells = (claim.text, goal, measured, row["size"], _seconds(row), where)
            return f"| {' | '.join(cells)} |"
    return f"| {claim.text} | {goal} | not measured | - | - | - |"


def _seconds(row: Row) -> str:
    """The median, with p20 to p80 where there were several rounds."""
    spread = f" ({row['seconds_p20']} to {row['seconds_p80']})" if row["seconds_p20"] else ""
    return row["seconds"] + spread


def _steps(rows: list[Row]) -> str:
    """Which stage of the last whole run binds."""
    if not rows:
        return ""
    last = {row["what"]: row for row in rows}
    spent = sorted(last.values(), key=lambda r: -float(r["seconds"]))
    steps = ", ".join(f"{r['what'].removeprefix('of the run: ')} {r['seconds']} s" for r in spent)
    return f"\nOf the whole run: {steps}.\n"


def _tuning(rows: list[Row]) -> str:
    """What each setting gave, in the order in which they were tried."""
    tried = {r["what"]: r for r in rows if r["stage"] in ("tuning", "parts") and r["rate"]}
    if not tried:
        return ""
    lines = [
        f"| {what} | {row['rate']} {row['unit']} | {_cell(row['note'])} | {row['commit']} |"
        for what, row in tried.items()
    ]
    head = ["", "## Settings compared", ""]
    head += ["| setting | measured | note | commit |", "|---|---|---|---|"]
    return "\n".join([*head, *lines]) + "\n"


def _trouble(rows: list[Row]) -> str:
    found = {row["stage"]: row for row in rows if row["what"] == "not finished"}
    lines = [f"- {stage} ({row['date']}): {_cell(row['note'])}" for stage, row in found.items()]
    return "\n## Stages that did not finish\n\n" + "\n".join(lines) + "\n" if lines else ""


def _cell(text: str) -> str:
    """Text that breaks no table."""
    short = " ".join(text.split())[:300]
    return short.replace("|", "\\|").replace("<", "&lt;")


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(read_rows(RESULTS)), encoding="utf-8")


if __name__ == "__main__":
    main()
