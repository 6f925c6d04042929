"""Existing scripts that import fastdup, run unchanged in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from making import photos

import fastdup_gpu

ROOT = Path(fastdup_gpu.__file__).parents[1]
SAYS = "INFO: 'import fastdup' now imports fastdup_gpu"

# In the style of the tutorials of the V0.2 API.
TUTORIAL = """
import os, sys
import numpy as np
import pandas as pd
import fastdup
from fastdup import find_top_components

images, work = sys.argv[1], sys.argv[2]
print("version", fastdup.__version__)

fastdup.run(input_dir=images, work_dir=work, nearest_neighbors_k=5, turi_param='ccthreshold=0.96')
similarity = pd.read_csv(os.path.join(work, 'similarity.csv'))
print("pairs", len(similarity) > 0)

top = find_top_components(work)
top = top[top['distance'] > 0.99]
print("deleted", sorted(map(os.path.basename, fastdup.delete_components(top, None, how='one'))))

fastdup.init_search(3, work, verbose=True)
found = fastdup.search(os.path.join(images, '0000.jpg'), None, verbose=0)
print("search", os.path.basename(found['to'][0]))

fastdup.run_kmeans_on_extracted(input_dir=work, work_dir=work, num_clusters=3)
labels = lambda path: 'even' if int(path[-5]) % 2 == 0 else 'odd'
print("kmeans", list(fastdup.create_kmeans_classifier(work, 3, labels)))
print("knn", len(fastdup.create_knn_classifier(work, 3, labels)))

names, features = fastdup.load_binary_feature(os.path.join(work, 'atrain_features.dat'))
own = os.path.join(work, 'own')
os.makedirs(own, exist_ok=True)
fastdup.save_binary_feature(own, names, features[:, :100].copy())
print("own", fastdup.run(own, work_dir=own, run_mode=2, d=100))

print("test", fastdup.run(images, work_dir=work + '_test', test_dir=sys.argv[3], threshold=0.5))
pairs = pd.read_csv(work + '_test/similarity.csv')
print("train/test", set(pairs['from'].map(os.path.dirname)) == {sys.argv[3]})
fastdup.export_to_tensorboard_projector(work_dir=work, log_dir=work + '_logs')
print("name", __name__, os.path.basename(sys.argv[0]))
"""


def python(*arguments, cwd, **environment):
    path = os.pathsep.join([str(ROOT), str(cwd)])
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": path, **environment},
        check=False,
    )


def test_tutorial_runs_unchanged(tmp_path):
    originals = photos(tmp_path / "train", 8)
    (tmp_path / "train" / "9999.jpg").write_bytes(originals[0].read_bytes())
    photos(tmp_path / "test", 2, first=3)
    script = tmp_path / "scripts" / "tutorial.py"
    script.parent.mkdir()
    script.write_text(TUTORIAL)
    folders = [tmp_path / "train", tmp_path / "work", tmp_path / "test"]
    done = python("-m", "fastdup_gpu.accel", script, *folders, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)
    assert lines["version"] == fastdup_gpu.__version__
    assert lines["pairs"] == "True"
    assert lines["deleted"] == "['9999.jpg']"
    assert lines["search"] in ("0000.jpg", "9999.jpg")
    assert lines["kmeans"] == "['prediction', 'label', 'filename']"
    assert lines["knn"] == "9"
    assert lines["own"] == "0"
    assert lines["test"] == "0"
    assert lines["train/test"] == "True"
    assert lines["name"] == "__main__ tutorial.py"
    assert [line for line in done.stderr.splitlines() if line.startswith(SAYS)] == [
        f"{SAYS} {fastdup_gpu.__version__}"
    ]


WHO = "import fastdup; print(fastdup.__name__)"


def test_off_unless_asked(tmp_path):
    done = python("-c", f"import fastdup_gpu; {WHO}", cwd=tmp_path)
    assert done.returncode != 0 or done.stdout.strip() != "fastdup_gpu"
    assert SAYS not in done.stderr


@pytest.mark.parametrize(("value", "on"), [("1", True), ("0", False), ("", False)])
def test_switch_in_the_environment(tmp_path, value, on):
    (tmp_path / "fastdup.py").write_text("")
    done = python("-c", f"import fastdup_gpu; {WHO}", cwd=tmp_path, FASTDUP_ACCEL=value)
    assert done.stdout.strip() == ("fastdup_gpu" if on else "fastdup")
    assert (SAYS in done.stderr) == on


def test_notebook_extension(tmp_path):
    code = f"import fastdup_gpu.accel as a; a.load_ipython_extension(None); {WHO}"
    done = python("-c", code, cwd=tmp_path)
    assert done.stdout.strip() == "fastdup_gpu"
    assert done.stderr.count(SAYS) == 1


def test_late_switch_says_so(tmp_path):
    (tmp_path / "fastdup.py").write_text("")
    code = f"import fastdup; import fastdup_gpu.accel as a; a.install(); a.install(); {WHO}"
    done = python("-c", code, cwd=tmp_path)
    assert done.stdout.strip() == "fastdup_gpu"
    assert done.stderr.count("imported before") == 1


def test_module_and_its_siblings(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import sys, other\nprint(other.fastdup.__name__, sys.argv[1:])"
    )
    (tmp_path / "other.py").write_text("import fastdup")
    done = python("-m", "fastdup_gpu.accel", "-m", "mine", "--flag", cwd=tmp_path)
    assert done.stdout.strip() == "fastdup_gpu ['--flag']", done.stderr
    (tmp_path / "deep").mkdir()
    (tmp_path / "mine.py").rename(tmp_path / "deep" / "mine.py")
    (tmp_path / "other.py").rename(tmp_path / "deep" / "other.py")
    done = python("-m", "fastdup_gpu.accel", "deep/mine.py", "x", cwd=tmp_path)
    assert done.stdout.strip() == "fastdup_gpu ['x']", done.stderr


def test_scripts_keep_their_exit_code(tmp_path):
    (tmp_path / "s.py").write_text("import fastdup, sys; sys.exit(7)")
    assert python("-m", "fastdup_gpu.accel", "s.py", cwd=tmp_path).returncode == 7


@pytest.mark.parametrize("arguments", [[], ["-m"], ["none.py"]])
def test_wrong_command_line(tmp_path, arguments):
    done = python("-m", "fastdup_gpu.accel", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "usage" in done.stderr
