"""The package without any extra: what needs none works, the rest names what is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest
from analysis.made import picture, work_dir

# As if none of what the extras bring were installed.
WITHOUT_EXTRAS = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"cv2", "simplejpeg", "onnxruntime", "scipy", "threadpoolctl"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
import fastdup_gpu as fastdup
"""


def bare(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT_EXTRAS + code, *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("compute", ["cpu", "gpu"])
def test_a_run_says_what_is_missing_and_touches_nothing(tmp_path, compute):
    picture(tmp_path / "in" / "a.png")
    done = bare(
        "sys.exit(fastdup.run(sys.argv[1], sys.argv[2], compute=sys.argv[3]))",
        tmp_path / "in",
        tmp_path / "out",
        compute,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert f"compute='{compute}'" in done.stderr and "pip install" in done.stderr
    assert not (tmp_path / "out").exists()


def test_results_of_a_run_are_read_and_shown(tmp_path):
    names = [picture(tmp_path / f"{n}.png", 0) for n in "ab"]
    edges = [(names[0], names[1], 0.99)]
    found = work_dir(tmp_path / "out", dict.fromkeys(names, 0), edges=edges)
    code = """
assert fastdup.create_duplicates_gallery(sys.argv[1], sys.argv[2], num_images=2) == 0
assert len(fastdup.delete_components(fastdup.find_top_components(sys.argv[1]))) == 1
"""
    done = bare(code, found, tmp_path / "gallery")
    assert done.returncode == 0, done.stderr
    assert "data:image/webp;base64" in (tmp_path / "gallery" / "duplicates.html").read_text()


def test_a_report_makes_do_with_the_stored_neighbours_and_label_scores_say_what_is_missing(
    tmp_path,
):
    names = [picture(tmp_path / f"{n}.png", 0) for n in "ab"]
    edges = [(names[0], names[1], 0.99)]
    found = work_dir(tmp_path / "out", dict.fromkeys(names, 0), edges=edges)
    code = """
page = fastdup.Session(sys.argv[1]).report(get_label_func=list("xy"))
assert '"similarity"' in page.read_text()
fastdup.label_scores(sys.argv[1], list("xy"))
"""
    done = bare(code, found)
    assert done.returncode == 1
    assert "MissingDependency" in done.stderr and "pip install 'fastdup-gpu[cpu]'" in done.stderr
