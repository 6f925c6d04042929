"""docs/gpu-status.md says what the rows say, and nothing else."""

from __future__ import annotations

import csv
import time

import numpy as np
import pytest

from benchmarks import gpu_acceptance, gpu_status
from benchmarks.gpu_acceptance import STAGES
from benchmarks.gpu_stages import Setting
from benchmarks.gpu_timing import Timed, filled, rounds, row, transferred

BLANK = dict.fromkeys(gpu_acceptance.COLUMNS, "")
H100 = {"compute": "gpu", "gpu": "NVIDIA H100", "driver": "580.1", "date": "2030-01-02"}


def written(path, *rows):
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, gpu_acceptance.COLUMNS)
        writer.writeheader()
        writer.writerows({**BLANK, **r} for r in rows)
    return gpu_status.read_rows(path)


def line_of(page: str, text: str) -> str:
    (line,) = (line for line in page.splitlines() if line.startswith(f"| {text} |"))
    return line


def test_the_page_is_up_to_date():
    expected = gpu_status.page(gpu_status.read_rows(gpu_status.RESULTS))
    assert gpu_status.PAGE.read_text(encoding="utf-8") == expected, (
        "run `python -m benchmarks.gpu_status`"
    )


def test_without_rows_nothing_is_claimed(tmp_path):
    page = gpu_status.page(gpu_status.read_rows(tmp_path / "none.csv"))
    assert page.count("not measured") == len(gpu_status.CLAIMS)


def test_rows_of_a_cpu_prove_nothing(tmp_path):
    run = {"stage": "whole_run", "what": "whole run", "rate": "9", "seconds": "1"}
    rows = written(tmp_path / "a.csv", {**run, "compute": "cpu"}, {**run, "compute": "gpu"})
    assert rows == []


def test_the_last_row_counts_and_says_where(tmp_path):
    run = {"stage": "whole_run", "what": "whole run", "unit": "images/s", **H100}
    rows = written(
        tmp_path / "a.csv",
        {**run, "rate": "5000", "seconds": "20"},
        {**run, "rate": "7000", "seconds": "14.3", "size": "100000"},
        {**run, "what": "whole run of another kind", "rate": "1"},
    )
    line = line_of(gpu_status.page(rows), "A whole run() on JPEGs of about 500 x 400")
    assert "7000 images/s" in line and "100000" in line and "14.3" in line
    assert "NVIDIA H100, driver 580.1, 2030-01-02" in line and "5000" not in line


def test_spread_and_copies_are_told_where_there_are_some(tmp_path):
    spread = {"seconds": "3.1", "seconds_p20": "3.0", "seconds_p80": "3.4", "rounds": "5"}
    found = {"stage": "graphs", "what": "pagerank of 9 vertices", "rate": "7", "unit": "edges/s"}
    rows = written(tmp_path / "a.csv", {**found, **spread, "transfer_seconds": "0.2", **H100})
    line = line_of(gpu_status.page(rows), "PageRank by cuGraph")
    assert "| 7 edges/s; copies alone 0.2 s |" in line and "| 3.1 (3.0 to 3.4) |" in line


def test_what_went_wrong_is_told_in_one_line(tmp_path):
    trouble = {"stage": "graphs", "what": "not finished", "note": "a | b\n<c>", **H100}
    page = gpu_status.page(written(tmp_path / "a.csv", trouble))
    assert "- graphs (2030-01-02): a \\| b &lt;c>" in page
    assert "not finished" not in gpu_status.page([]) and "did not finish" not in gpu_status.page([])


@pytest.mark.parametrize("claim", gpu_status.CLAIMS, ids=lambda c: c.text)
def test_claims_name_stages_that_there_are(claim):
    assert claim.stage in {*STAGES, "smoke"}


def test_every_setting_that_was_tried_is_listed_once(tmp_path):
    tried = {"stage": "tuning", "unit": "images/s", "commit": "abc1234", **H100}
    rows = written(
        tmp_path / "a.csv",
        {**tried, "what": "three lanes", "rate": "1"},
        {**tried, "what": "two lanes", "rate": "5"},
        {**tried, "what": "three lanes", "rate": "7", "note": "again"},
        {**tried, "what": "no lanes", "note": "not usable"},
    )
    page = gpu_status.page(rows)
    assert "| three lanes | 7 images/s | again | abc1234 |" in page and "two lanes" in page
    assert page.count("three lanes") == 1 and "no lanes" not in page


@pytest.mark.parametrize("stage", ["statistics", "graphs"])
def test_a_rehearsal_yields_rows_that_claims_ask_for(stage, tmp_path):
    found = list(STAGES[stage](Setting("cpu", True, 8, tmp_path)))
    asked = [c for c in gpu_status.CLAIMS if c.stage == stage]
    rows = [{**BLANK, **{k: str(v) for k, v in r.items()}, "stage": stage, **H100} for r in found]
    page = gpu_status.page(rows)
    assert all("not measured" not in line_of(page, c.text) for c in asked)


def test_a_stage_that_fails_or_hangs_costs_only_itself(tmp_path, monkeypatch):
    args = gpu_acceptance.argparse.Namespace(compute="cpu", small=True, pictures=4)
    failed = gpu_acceptance.run_stage("no_such_stage", args, tmp_path, 60)
    assert failed[-1]["what"] == "not finished" and "no_such_stage" in failed[-1]["note"]
    assert gpu_acceptance.run_stage("graphs", args, tmp_path, 0.9)[0]["note"] == "no time was left"
    monkeypatch.setattr(gpu_acceptance, "_LEAST", 0)
    late = gpu_acceptance.run_stage("graphs", args, tmp_path, 0.05)
    assert late[-1] == {"what": "not finished", "note": "stopped after 0.05 s"}


def test_a_row_holds_the_spread_of_its_rounds():
    found = row("x", 100, Timed([1, 2, 3, 4, 5]), "images/s", transfer={"transfer_seconds": 0.5})
    assert (found["seconds_p20"], found["seconds"], found["seconds_p80"]) == (1.8, 3, 4.2)
    assert found["rate"] == 33.333 and found["rounds"] == 5 and found["transfer_seconds"] == 0.5
    single = row("x", 100, Timed([4]), "images/s")
    assert single["rounds"] == 1 and "seconds_p20" not in single
    assert {*found, *single} <= {*gpu_acceptance.COLUMNS}


def test_rounds_end_when_there_is_time_for_no_more():
    assert len(rounds(lambda: None, 4, 9).rounds) == 4
    assert len(rounds(lambda: time.sleep(0.02), 4, 0.03).rounds) == 2


def test_copies_are_timed_by_themselves(standins):
    assert transferred("cpu", [filled(3)], []) == {}
    found = transferred("gpu", [filled(300, 40)], [filled(9, kind=np.int64)])
    assert found["transfer_seconds"] > 0


def test_rates_are_work_by_second():
    assert row("x", 100, 4, "images/s")["rate"] == 25
    assert row("x", 100, 4, "TFLOP/s", work=2)["rate"] == 0.5
    assert row("x", 3, 0, "tests/s")["rate"] == ""
