"""Which part of the package may import which, kept by reading the import statements."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from spec.layers import PARTS

ROOT = Path(__file__).parents[1]
PACKAGE = "fastdup_gpu"
TOP_LEVEL = ("fallback_cpu", "kernels")
BACKEND_NAMES = re.compile(r"fallback_cpu|fastdup_gpu\.gpu\b")


def files() -> dict[str, Path]:
    """Every file of the package by its name inside it: 'stages.graph', 'fallback_cpu'."""
    found = {}
    for folder in (PACKAGE, *TOP_LEVEL):
        base = ROOT / PACKAGE if folder == PACKAGE else ROOT
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(base).with_suffix("").parts
            name = ".".join(parts if len(parts) == 1 or parts[-1] != "__init__" else parts[:-1])
            found[name] = path
    return found


FILES = files()


def part_of(module: str) -> str:
    """The part that a module belongs to; for one without a row, its first name."""
    fitting = [part for part in PARTS if is_in(module, part)]
    return max(fitting, key=len, default=module.partition(".")[0])


def is_in(module: str, part: str) -> bool:
    return module == part or module.startswith(part + ".")


def imports(module: str, tree: ast.AST) -> Iterator[str]:
    """Full names of what a file imports, wherever in the file it does so."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = absolute(module, node)
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif is_dynamic_import(node):
            first = node.args[0] if node.args else None
            literal = isinstance(first, ast.Constant) and isinstance(first.value, str)
            yield first.value if literal else "<computed>"


def absolute(module: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = [PACKAGE, *module.split(".")]
    is_package = FILES.get(module, Path()).name == "__init__.py" and module != "__init__"
    above = parts[: len(parts) - node.level + is_package]
    return ".".join([*above, *filter(None, [node.module])])


def is_dynamic_import(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    called = node.func
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    return name in ("import_module", "__import__")


def inside(imported: str) -> str | None:
    """The module of the package that is meant, None where it is another package."""
    first, _, rest = imported.partition(".")
    if first in TOP_LEVEL:
        return imported
    if first != PACKAGE:
        return None
    while rest and not is_module(rest):
        rest = rest.rpartition(".")[0]
    return rest or "__init__"


def is_module(name: str) -> bool:
    """Rooms count although they may have no file yet, or no `__init__`."""
    return name in FILES or name in PARTS


def is_allowed(module: str, imported: str) -> bool:
    own = part_of(module)
    rules = PARTS[own]
    if imported == "<computed>":
        return own == "_registry"
    target = inside(imported)
    if target is None:
        first = imported.partition(".")[0]
        return first in sys.stdlib_module_names or first in rules.outside
    return is_in(target, own) or any(is_in(target, part) for part in rules.inside)


def strings(tree: ast.AST) -> Iterator[str]:
    """The string constants of a file, without docstrings."""
    bare = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in bare:
            yield node.value


def violations(module: str, source: str) -> list[str]:
    tree = ast.parse(source)
    found = []
    if part_of(module) in PARTS:
        imported = imports(module, tree)
        found += [f"imports {name}" for name in imported if not is_allowed(module, name)]
    if module != "_registry":
        found += [f"names a backend: {s!r}" for s in strings(tree) if BACKEND_NAMES.search(s)]
    return found


@pytest.mark.parametrize("module", FILES)
def test_file_imports_only_what_its_part_may(module):
    assert violations(module, FILES[module].read_text(encoding="utf-8")) == []


def test_the_tree_was_found():
    assert {"__init__", "_api", "protocol", "formats.names", "fallback_cpu"} <= set(FILES)


@pytest.mark.parametrize("name", sorted({r for part in PARTS.values() for r in part.inside}))
def test_rules_name_parts(name):
    assert part_of(name) in PARTS


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("stages.graph", "from fastdup_gpu.fallback_cpu import backend"),
        ("stages.graph", "from fastdup_gpu import pipeline"),
        ("stages.graph", "def f():\n    import cupy.linalg"),
        ("stages.graph", "import importlib\nimportlib.import_module('fastdup_gpu.pipeline')"),
        ("stages.graph", "import importlib\nimportlib.import_module(name)"),
        ("stages.graph", "from .. import pipeline"),
        ("stages.graph", "from ..pipeline import run"),
        ("stages.graph", "import fastdup_gpu"),
        ("stages.graph", "BACKEND = 'fastdup_gpu.gpu.backend'"),
        ("formats.names", "from fastdup_gpu.stages import extract"),
        ("fallback_cpu.stats", "from fastdup_gpu.formats import features"),
        ("fallback_cpu.stats", "from fastdup_gpu.gpu.stats import pixel_stats"),
        ("fallback_cpu.stats", "import pandas as pd"),
        ("gpu.stats", "from fastdup_gpu.fallback_cpu.stats import pixel_stats"),
        ("gpu.stats", "from fastdup_gpu.stages.extract import extract"),
        ("kernels.blur", "from fastdup_gpu.protocol import U8"),
        ("protocol", "from fastdup_gpu.formats import names"),
        ("_registry", "from fastdup_gpu.fallback_cpu.backend import CpuBackend"),
        ("_api", "from fastdup_gpu.fallback_cpu import backend"),
        ("galleries.render", "from fastdup_gpu._registry import open_backend"),
        ("__init__", "import numpy"),
    ],
)
def test_forbidden_import_is_seen(module, source):
    assert violations(module, source)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("stages.graph", "import os.path\nfrom fastdup_gpu.formats import names"),
        ("stages.graph", "from .neighbors import Edges"),
        ("stages", "from . import graph"),
        ("fallback_cpu.stats", "from fastdup_gpu.formats.names import PIXEL_STATS"),
        ("gpu.stats", "from fastdup_gpu.kernels import load\nimport cupy as cp"),
        ("_api", "'fallback_cpu stands in a docstring'"),
        ("_registry", "import importlib\nimportlib.import_module(name)"),
    ],
)
def test_allowed_import_passes(module, source):
    assert violations(module, source) == []
