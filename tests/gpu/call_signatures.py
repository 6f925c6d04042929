"""Calls of other packages in the backend's source, and whether those packages take them.

Names are followed through the imports of a file. Objects that a file holds under other names
are listed in HELD, by the text that stands before the last dot of a call.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
GPU = ROOT / "fastdup_gpu" / "gpu"
SOURCES = (
    *sorted(GPU.glob("*.py")),
    *sorted((ROOT / "kernels").glob("*.py")),
    ROOT / "benchmarks" / "gpu_kernels.py",
)
PACKAGES = ("cupy", "cupyx", "cuvs", "nvidia", "onnx", "onnxruntime", "pylibcugraph", "rmm")
TRT = "tensorrt_rtx_bindings"
HELD = {
    "coarse": {"handle": "cuvs.common.Resources"},
    "cagra": {"handle": "cuvs.common.Resources"},
    "hnsw": {"handle": "cuvs.common.Resources"},
    "nndescent": {"handle": "cuvs.common.Resources"},
    "ivf": {
        "handle": "cuvs.common.Resources",
        "module": "cuvs.neighbors.ivf_flat",
        "cuvs_module(self.kind)": "cuvs.neighbors.ivf_pq",
        "cuvs_module(kind)": "cuvs.neighbors.ivf_pq",
    },
    "nvimg": {"nv": "nvidia.nvimgcodec", "self._decoder": "nvidia.nvimgcodec.Decoder"},
    "dali": {"self._pipeline": "nvidia.dali.pipeline.Pipeline"},
    "ort_cuda": {
        "session": "onnxruntime.InferenceSession",
        "self._session": "onnxruntime.InferenceSession",
        "self._binding": "onnxruntime.IOBinding",
        "self._options": "onnxruntime.RunOptions",
        "self._stream": "cupy.cuda.Stream",
    },
    "half": {"self._onnx": "onnx"},
    "decode": {},
    "tensorrt": {
        "trt": TRT,
        "self._trt": TRT,
        "builder": f"{TRT}.Builder",
        "parsed.builder": f"{TRT}.Builder",
        "parser": f"{TRT}.OnnxParser",
        "network": f"{TRT}.INetworkDefinition",
        "parsed.network": f"{TRT}.INetworkDefinition",
        "config": f"{TRT}.IBuilderConfig",
        "profile": f"{TRT}.IOptimizationProfile",
        "self._runtime": f"{TRT}.Runtime",
        "self._engine": f"{TRT}.ICudaEngine",
        "context": f"{TRT}.IExecutionContext",
        "self._context": f"{TRT}.IExecutionContext",
        "self._stream": "cupy.cuda.Stream",
        "self._graph": "cupy.cuda.graph.Graph",
    },
    "lanes": {"local.stream": "cupy.cuda.Stream"},
}
# What calls of CuPy return where that is no array.
_RETURNS = {
    "cupy.cuda.Device": "cupy.cuda.Device",
    "cupy.cuda.get_current_stream": "cupy.cuda.Stream",
}


@dataclass(frozen=True)
class External:
    """One call: `target` is the full name of what is called, `packages` what has to be there."""

    file: str
    line: int
    target: str
    positional: int
    keywords: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.target}"


def external_calls(path: Path) -> Iterator[External]:
    """The calls of other packages in one file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = dict(_imported(tree))
    names.update(HELD.get(path.stem, {}))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or any(isinstance(a, ast.Starred) for a in node.args):
            continue
        target = _target(node.func, names)
        if target is not None:
            keywords = tuple(k.arg for k in node.keywords if k.arg)
            yield External(path.stem, node.lineno, target, len(node.args), keywords)


def starred_calls(path: Path) -> list[str]:
    """Calls of other packages whose number of arguments cannot be read."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {**dict(_imported(tree)), **HELD.get(path.stem, {})}
    return [
        ast.unparse(n.func)
        for n in ast.walk(tree)
        if isinstance(n, ast.Call)
        and any(isinstance(a, ast.Starred) for a in n.args)
        and _target(n.func, names)
    ]


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] in PACKAGES:
                    name = alias.asname or alias.name.partition(".")[0]
                    yield name, alias.name if alias.asname else name
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in PACKAGES:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _target(func: ast.expr, names: dict[str, str]) -> str | None:
    """The full name; a method of what a call of CuPy returns counts as that class's."""
    if isinstance(func, ast.Attribute) and not isinstance(func.value, ast.Name | ast.Attribute):
        inner = func.value.value if isinstance(func.value, ast.Subscript) else func.value
        made = _target(inner.func, names) if isinstance(inner, ast.Call) else None
        if made and made.startswith("cupy."):
            return f"{_RETURNS.get(made, 'cupy.ndarray')}.{func.attr}"
        if isinstance(inner, ast.Call):
            return None
    text = ast.unparse(func)
    if text in names:
        return names[text]
    owner, dot, attribute = text.rpartition(".")
    while dot:
        if owner in names:
            return f"{names[owner]}.{attribute}"
        owner, dot, more = owner.rpartition(".")
        attribute = f"{more}.{attribute}"
    return None


def resolve(target: str) -> Any:
    """The object of that name; raises AttributeError where the package has none."""
    first, *parts = target.split(".")
    found, path = importlib.import_module(first), first
    for part in parts:
        path = f"{path}.{part}"
        try:
            found = getattr(found, part)
        except AttributeError:
            if not inspect.ismodule(found):
                raise
            try:
                found = importlib.import_module(path)
            except ModuleNotFoundError:
                raise AttributeError(target) from None
    return found


def accepts(target: str, found: Any, call: External) -> bool:
    """Whether one of the object's signatures takes the call."""
    forms = list(signatures(found))
    if not forms:
        return not refused_when_tried(call)
    return any(_fits(form, call) for form in forms)


def refused_when_tried(call: External) -> bool:
    """Whether the arguments are refused for their number or names, in a process of its own.

    For compiled classes that say nothing of their arguments: those are taken apart before
    anything else is done, so that None in every place tells.
    """
    program = (
        "import sys; from call_signatures import resolve\n"
        f"try: resolve({call.target!r})(*[None] * {call.positional}, "
        f"**dict.fromkeys({call.keywords!r}))\n"
        "except TypeError as error: print(error)\n"
        "except BaseException: pass"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return bool(re.search(r"unexpected keyword|positional argument|takes no", done.stdout))


def signatures(found: Any) -> Iterator[list[tuple[str, str]]]:
    """[(kind, name)] of each signature; kind is 'positional', 'either', 'keyword', 'args', 'kw'."""
    try:
        signature = inspect.signature(found)
    except (TypeError, ValueError):
        signature = None
    if signature and not _says_nothing(signature):
        kinds = {0: "positional", 1: "either", 2: "args", 3: "keyword", 4: "kw"}
        yield [(kinds[p.kind], p.name) for p in signature.parameters.values()]
        return
    documents = [getattr(found, "__doc__", None)]
    if inspect.isclass(found):
        documents.insert(0, getattr(found.__init__, "__doc__", None))
    name = "__init__" if inspect.isclass(found) else getattr(found, "__name__", "")
    for text in documents:
        spelled = list(_from_text(text or "", {name, getattr(found, "__name__", "")}))
        yield from spelled
        if spelled:
            return


def _says_nothing(signature: inspect.Signature) -> bool:
    names = [n for n in signature.parameters if n != "self"]
    return names == ["args", "kwargs"]


def _from_text(text: str, names: set[str]) -> Iterator[list[tuple[str, str]]]:
    """Signatures at the beginning of lines, as pybind11 and Cython put them into docstrings."""
    for match in re.finditer(r"^(?:\d+\. )?(?:\w+\.)*(\w+)\(", text, re.MULTILINE):
        if match[1] not in names:
            continue
        inside = _until_closed(text[match.end() :])
        if inside is not None and inside.strip() != "*args, **kwargs":
            yield list(_parameters(inside))


def _until_closed(text: str) -> str | None:
    depth = 1
    for i, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if not depth:
            return text[:i]
    return None


def _parameters(inside: str) -> Iterator[tuple[str, str]]:
    kind, depth, part, parts = "either", 0, "", []
    for character in inside + ",":
        depth += (character in "([{<") - (character in ")]}>")
        if character == "," and depth <= 0:
            parts.append(part.strip())
            part = ""
        else:
            part += character
    for part in filter(None, parts):
        if part == "*":
            kind = "keyword"
        elif part == "/":
            continue
        elif part.startswith("**"):
            yield "kw", part[2:]
        elif part.startswith("*"):
            yield "args", part[1:]
            kind = "keyword"
        else:
            yield kind, re.split(r"[:=]", part, maxsplit=1)[0].split()[-1]


def _fits(form: list[tuple[str, str]], call: External) -> bool:
    names = [n for n in form if n[1] not in ("self", "cls")]
    places = [n for k, n in names if k in ("positional", "either")]
    known = {n for k, n in names if k in ("either", "keyword")}
    open_ended = {k for k, _ in names}
    if call.positional > len(places) and "args" not in open_ended:
        return False
    taken = set(places[: call.positional])
    return all((k in known or "kw" in open_ended) and k not in taken for k in call.keywords)
