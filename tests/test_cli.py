"""The command line, as a shell sees it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from making import contents, photos, run

import fastdup_gpu
from fastdup_gpu import _run_help
from fastdup_gpu._options import DEFAULTS

ROOT = Path(__file__).parent.parent


def call(
    *arguments: object, cwd: Path = ROOT, **variables: str
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fastdup_gpu.cli", *map(str, arguments)]
    env = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "in"
    photos(folder, 6)
    (folder / "0002.png").write_bytes(b"no picture")
    (folder / "copy.jpg").write_bytes((folder / "0001.jpg").read_bytes())
    return folder


def test_run_writes_what_the_function_writes(pictures, tmp_path):
    done = call("run", pictures, tmp_path / "a", "--nearest-neighbors-k", 3, "--threshold", 0.5)
    assert done.returncode == 0, done.stderr
    assert run(pictures, tmp_path / "b", nearest_neighbors_k=3, threshold=0.5) == 0
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert "8 images read: 7 valid, 1 bad" in done.stdout
    assert "ERROR_CORRUPT_IMAGE" in done.stdout
    assert "2 images have a duplicate of similarity 1" in done.stdout
    assert done.stderr == ""


def test_json_is_one_object_and_nothing_else(pictures, tmp_path):
    done = call("run", pictures, tmp_path / "o", "--json")
    found = json.loads(done.stdout)
    assert (found["valid"], found["bad"]) == (7, {"ERROR_CORRUPT_IMAGE": 1})
    assert found["exact_duplicates"] == 2
    assert found["seconds"]["extract"] > 0


def test_wrong_argument_is_exit_2_and_touches_nothing(pictures, tmp_path):
    done = call("run", pictures, tmp_path / "o", "--turi-param", "ccthreshhold=1")
    assert done.returncode == 2
    assert "ccthreshhold" in done.stderr
    assert "ccthreshold" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "o").exists()


def test_missing_input_is_exit_1_and_named(tmp_path):
    done = call("run", tmp_path / "nowhere", tmp_path / "o")
    assert done.returncode == 1
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.stderr


def test_gpu_without_a_gpu_is_an_error_that_names_what_is_missing(pictures, tmp_path):
    from fastdup_gpu.gpu import probe

    missing = [f for f in probe.check() if not f.ok and f.needed]
    if not missing:
        pytest.skip("this machine has a usable GPU stack")
    done = call("run", pictures, tmp_path / "o", "--compute", "gpu")
    assert done.returncode == 1
    for finding in missing:
        assert finding.name in done.stderr
    assert not (tmp_path / "o" / "atrain_features.dat").exists()


def test_doctor_says_what_is_usable():
    done = call("doctor")
    assert done.returncode == 0
    assert "onnxruntime" in done.stdout
    assert "NVIDIA driver" in done.stdout
    found = json.loads(call("doctor", "--json").stdout)
    assert all(found["cpu"].values())
    assert {"ok", "needed", "name", "found", "hint"} == set(found["gpu"][0])


def test_demo_shows_every_kind_of_finding(tmp_path):
    done = call("demo", tmp_path / "demo", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["exact_duplicates"] >= 4
    assert found["near_duplicates"] >= 10
    assert found["components"] >= 5
    assert found["outliers"] >= 2
    assert len(found["bad"]) == 3
    assert (tmp_path / "demo" / "report.html").stat().st_size > 10_000


def test_help_tells_what_every_argument_of_run_does():
    listed = [name for options in _run_help.GROUPS.values() for name in options]
    apart = {"input_dir", "work_dir", "license", "version", "nn_provider"}
    assert sorted(listed) == sorted(DEFAULTS.keys() - apart)
    text = " ".join(call("run", "--help").stdout.split())
    for options in _run_help.GROUPS.values():
        for name, (placeholder, what) in options.items():
            assert f"--{name.replace('_', '-')} {placeholder}".strip() in text
            assert what in text
    assert "of near duplicates (default 0.9)" in text


@pytest.mark.parametrize("wrong", [("run", "a"), ("rum", "a", "b"), ("run", "a", "b", "--tresh=1")])
def test_a_command_that_is_none_is_exit_2(wrong):
    done = call(*wrong)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: fastdup-gpu")
    assert done.stdout == ""


def test_search_finds_what_the_function_finds(pictures, tmp_path):
    assert run(pictures, tmp_path / "o") == 0
    done = call("search", tmp_path / "o", pictures / "0001.jpg", "-k", 3, "--json")
    assert done.returncode == 0, done.stderr
    expected = fastdup_gpu.Session(tmp_path / "o").search(pictures / "0001.jpg", 3)
    assert json.loads(done.stdout) == expected[["to", "distance"]].to_dict("records")
    lines = call("search", tmp_path / "o", pictures / "0001.jpg").stdout.splitlines()
    assert len(lines) == 7
    assert lines[0].startswith("1.000000 ")
    missing = call("search", tmp_path / "o", tmp_path / "none.jpg")
    assert missing.returncode == 1
    assert "none.jpg" in missing.stderr


def test_version():
    done = call("--version")
    assert done.returncode == 0
    assert done.stdout.strip()


@pytest.fixture
def duplicates(pictures, tmp_path):
    """The work_dir of a run over a folder with a name that a shell would read, and the folder."""
    folder = tmp_path / "it's $(touch owned) \N{LATIN SMALL LETTER U WITH DIAERESIS}"
    folder.mkdir()
    for i in range(2):
        (folder / f"{i}.jpg").write_bytes((pictures / "0001.jpg").read_bytes())
    assert run(folder, tmp_path / "o", nearest_neighbors_k=1) == 0
    return tmp_path / "o", folder


def test_what_dedupe_prints_takes_it_back_in_a_shell(duplicates, tmp_path):
    out, folder = duplicates
    done = call("dedupe", out, "--apply", cwd=tmp_path)
    assert len(list(folder.glob("*.jpg"))) == 1
    line = done.stdout.splitlines()[-1].removeprefix("to undo: ")
    word, command, log = shlex.split(line)
    assert (word, command, Path(log).is_file()) == ("fastdup-gpu", "undo", True)
    assert call("undo", log, cwd=tmp_path).returncode == 0
    assert len(list(folder.glob("*.jpg"))) == 2


def test_an_output_that_cannot_hold_a_name_gets_it_escaped(duplicates):
    out, folder = duplicates
    done = call("dedupe", out, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "$(touch owned) \\xfc" in done.stdout
    script = "import fastdup_gpu as f, sys; print(len(f.delete_components("
    script += "f.find_top_components(sys.argv[1]), dry_run=False)))"
    env = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(ROOT)}
    told = subprocess.run(
        [sys.executable, "-c", script, out], env=env, check=True, capture_output=True, text=True
    )
    assert told.stdout.splitlines()[-1] == "1"
    assert len(list(folder.glob("*.jpg"))) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="pipes end otherwise there")
def test_a_pipe_that_nobody_reads_is_no_traceback(duplicates):
    out, folder = duplicates
    receiving, sending = os.pipe()
    os.close(receiving)
    command = [sys.executable, "-m", "fastdup_gpu.cli", "dedupe", str(out), "--apply"]
    done = subprocess.run(
        command, cwd=ROOT, stdout=sending, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(sending)
    assert done.returncode == 141
    assert "Traceback" not in done.stderr and "Broken pipe" not in done.stderr
    assert len(list(folder.glob("*.jpg"))) == 1


def test_a_process_without_stderr_runs(pictures, tmp_path):
    script = "import sys; sys.stderr = None; import fastdup_gpu; "
    script += "sys.exit(fastdup_gpu.run(*sys.argv[1:]))"
    command = [sys.executable, "-c", script, str(pictures), str(tmp_path / "o")]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def test_help_loads_nothing_heavy():
    script = "import sys, fastdup_gpu.cli; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True
    )
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & {"numpy", "pandas", "cv2", "onnxruntime", "PIL", "scipy"}
