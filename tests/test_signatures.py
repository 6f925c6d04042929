"""Every function of the V0.2xx API keeps its arguments, apart from declared differences."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pytest
from spec import make_compatibility, make_signatures
from spec.differences import BEHAVIOUR, DECLARED_DIFFERENCES

import fastdup_gpu
from fastdup_gpu import _api

SNAPSHOT: list[dict[str, Any]] = json.loads(make_signatures.SNAPSHOT.read_text(encoding="utf-8"))
BY_NAME = {f["name"]: f for f in SNAPSHOT}
REFERENCE = Path(__file__).parents[2] / "shared" / "reference" / "api-v0.2xx.txt"
REQUIRED = inspect.Parameter.empty


def original(function: dict[str, Any]) -> list[tuple[str, object]]:
    arguments = []
    for argument in function["arguments"]:
        default = argument.get("default", REQUIRED)
        if "symbol" in argument:
            default = getattr(fastdup_gpu, argument["symbol"])
        arguments.append((argument["name"], default))
    return arguments


def declared(name: str) -> list[tuple[str, object]]:
    """The arguments of the snapshot with the declared differences applied."""
    changed = {d.argument: d for d in DECLARED_DIFFERENCES if d.function == name}
    arguments = [
        (argument, changed[argument].default if argument in changed else default)
        for argument, default in original(BY_NAME[name])
    ]
    return arguments + [(d.argument, d.default) for d in changed.values() if d.added]


def exact(arguments: list[tuple[str, object]]) -> list[tuple[str, type, object]]:
    """With the type of each default, so that 0 and False are told apart."""
    return [(name, type(default), default) for name, default in arguments]


@pytest.mark.parametrize("name", BY_NAME)
def test_signature_is_that_of_the_reference(name):
    parameters = inspect.signature(getattr(fastdup_gpu, name)).parameters.values()
    kwargs = [p.name for p in parameters if p.kind is p.VAR_KEYWORD]
    plain = [p for p in parameters if p.kind is not p.VAR_KEYWORD]
    added = {d.argument for d in DECLARED_DIFFERENCES if d.function == name and d.added}
    assert exact([(p.name, p.default) for p in plain]) == exact(declared(name))
    assert all(p.kind is p.POSITIONAL_OR_KEYWORD for p in plain if p.name not in added)
    assert bool(kwargs) == bool(BY_NAME[name]["kwargs"])


@pytest.mark.parametrize("difference", DECLARED_DIFFERENCES, ids=str)
def test_declared_difference_is_one(difference):
    before = dict(original(BY_NAME[difference.function]))
    assert difference.added == (difference.argument not in before)
    assert before.get(difference.argument, REQUIRED) != difference.default
    assert difference.reason


def test_web_dataset_is_two_runs_on_the_same_folder(monkeypatch, tmp_path):
    runs = []
    monkeypatch.setattr(_api, "_run", runs.append)
    assert fastdup_gpu.run_on_webdataset("tars", tmp_path, threshold=0.8) == 0
    assert [set(r) for r in runs] == [set(inspect.signature(fastdup_gpu.run).parameters)] * 2
    assert [(r["run_mode"], r["input_dir"]) for r in runs] == [(1, "tars"), (2, tmp_path)]
    assert [(r["work_dir"], r["threshold"]) for r in runs] == [(tmp_path, 0.8)] * 2


def test_behaviour_names_functions_of_the_reference():
    assert {name for b in BEHAVIOUR for name in b.functions} <= set(BY_NAME)
    assert len({(b.topic, b.functions) for b in BEHAVIOUR}) == len(BEHAVIOUR)


def test_default_model_is_the_packaged_file():
    from fastdup_gpu.models import manifest

    assert Path(fastdup_gpu.model_path_full).is_file()
    assert fastdup_gpu.model_path_full == manifest.DEFAULT_PATH


@pytest.mark.skipif(not REFERENCE.is_file(), reason="the text of the API reference is not here")
def test_snapshot_is_that_of_the_reference_text():
    signatures = make_signatures.read_signatures(REFERENCE.read_text(encoding="utf-8"))
    assert make_signatures.SNAPSHOT.read_text(encoding="utf-8") == make_signatures.render(
        signatures
    )


def test_compatibility_document_is_up_to_date():
    written = make_compatibility.DOCUMENT.read_text(encoding="utf-8")
    assert written == make_compatibility.render(), "cd tests && python -m spec.make_compatibility"
