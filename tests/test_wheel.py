"""The wheel holds the tree: every module, kernel, template and model, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WANTED = (".py", ".pyi", ".cu", ".cuh", ".onnx", ".html", ".css", ".js", ".typed", "NOTICE")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    if given := os.environ.get("FASTDUP_WHEEL"):
        return Path(given).resolve()
    pytest.importorskip("setuptools", minversion="77", reason="builds without isolation")
    out = tmp_path_factory.mktemp("wheel")
    tree = out / "tree"  # a build folder left in the checkout would leak into the wheel
    tree.mkdir()
    for name in ("fastdup_gpu", "fallback_cpu", "kernels"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q"]
    subprocess.run([*command, "-w", str(out), str(tree)], check=True)
    return next(out.glob("*.whl"))


def _tree() -> set[str]:
    found = set()
    for folder, inside in (
        ("fastdup_gpu", "fastdup_gpu"),
        ("fallback_cpu", "fastdup_gpu/fallback_cpu"),
        ("kernels", "fastdup_gpu/kernels"),
    ):
        for path in (ROOT / folder).rglob("*"):
            if path.name.endswith(WANTED) and "__pycache__" not in path.parts:
                found.add(f"{inside}/{path.relative_to(ROOT / folder).as_posix()}")
    return found


def test_contents_equal_the_tree(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {n for n in archive.namelist() if ".dist-info/" not in n}
    assert {n for n in names if n.endswith(WANTED)} == _tree()
    assert all(n.startswith("fastdup_gpu/") for n in names)
    assert not [n for n in names if n.startswith(("fastdup_gpu/tests", "tests"))]


def test_models_are_those_of_the_manifest(wheel):
    import hashlib

    from fastdup_gpu.models.manifest import DEFAULT, HIGH_ACCURACY

    with zipfile.ZipFile(wheel) as archive:
        for entry in (*DEFAULT.values(), *HIGH_ACCURACY.values()):
            data = archive.read(f"fastdup_gpu/models/{entry.filename}")
            assert hashlib.sha256(data).hexdigest() == entry.sha256


def test_import_from_the_wheel_is_light_and_complete(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    script = (
        "import sys, fastdup_gpu, fastdup_gpu.fallback_cpu as f; "
        "print(f.__file__); print(sorted({'numpy','cv2','pandas'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert str(tmp_path) in done.stdout
    assert done.stdout.strip().endswith("[]")
