"""The public module is a list of names, typed, documented and light."""

from __future__ import annotations

import inspect
import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

import fastdup_gpu
from fastdup_gpu import _api, _errors

HEAVY = {"numpy", "pandas", "cv2", "onnxruntime", "PIL", "scipy", "cupy", "yaml", "jinja2", "rich"}
FUNCTIONS = [n for n in fastdup_gpu.__all__ if inspect.isfunction(getattr(fastdup_gpu, n))]
ROOT = Path(fastdup_gpu.__file__).parents[1]


def in_fresh_python(code: str) -> object:
    """What the code, run after `import fastdup_gpu`, prints as JSON."""
    script = f"import json, sys; sys.path.insert(0, {str(ROOT)!r}); import fastdup_gpu; {code}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    return json.loads(done.stdout)


def test_all_is_what_is_public():
    public = {
        name
        for name, value in vars(fastdup_gpu).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert set(fastdup_gpu.__all__) == public | {"__version__"}
    assert fastdup_gpu.__all__ == sorted(fastdup_gpu.__all__)


def test_all_errors_of_the_tree_are_public():
    errors = {n for n, v in vars(_errors).items() if inspect.isclass(v)}
    assert errors <= set(fastdup_gpu.__all__)


def test_import_loads_no_heavy_module():
    loaded = in_fresh_python("print(json.dumps(list(sys.modules)))")
    assert {name.partition(".")[0] for name in loaded} & HEAVY == set()


def test_folders_of_a_checkout_are_inside_the_package():
    found = in_fresh_python(
        "from importlib.util import find_spec; print(json.dumps("
        "[find_spec(f'fastdup_gpu.{n}') is not None for n in ('fallback_cpu', 'kernels')]))"
    )
    assert found == [True, True]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_is_documented_and_typed(name):
    function = getattr(fastdup_gpu, name)
    signature = inspect.signature(function)
    assert len(inspect.getdoc(function).splitlines()) > 2
    assert signature.return_annotation is not signature.empty
    assert [p.name for p in signature.parameters.values() if p.annotation is p.empty] == []


@pytest.mark.parametrize("function", [fastdup_gpu.run, fastdup_gpu.run_on_webdataset])
def test_version_is_printed_and_nothing_run(function, capsys, tmp_path):
    assert function(version=True, work_dir=tmp_path / "none", distance="unknown") == 0
    assert capsys.readouterr().out == fastdup_gpu.__version__ + "\n"
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    "error", [fastdup_gpu.ModelError("no such model"), OSError("disk full")], ids=repr
)
def test_failure_is_logged_and_gives_1(error, caplog):
    def fail():
        raise error

    with caplog.at_level(logging.ERROR, logger="fastdup_gpu"):
        assert _api._status(fail) == 1
    assert [(r.name, r.levelname, r.getMessage()) for r in caplog.records] == [
        ("fastdup_gpu", "ERROR", str(error))
    ]


@pytest.mark.parametrize(
    "error", [fastdup_gpu.InvalidArgument("k=0"), ZeroDivisionError()], ids=repr
)
def test_wrong_arguments_and_defects_are_raised(error):
    def fail():
        raise error

    with pytest.raises(type(error)):
        _api._status(fail)


def test_success_gives_0_whatever_the_call_returns():
    assert _api._status(lambda: "files") == 0
