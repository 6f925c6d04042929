"""Write signatures.json from the text of the V0.2xx API reference.

    python tests/spec/make_signatures.py API_TEXT

One entry per function: `name`; `arguments` in order, each with `name` and, where it has one,
its `default` (a JSON value) or `symbol` (the name of a constant); `kwargs`, the name behind `**`
or null.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SNAPSHOT = Path(__file__).with_name("signatures.json")


def read_signatures(text: str) -> list[dict[str, Any]]:
    """The signatures of all `def` blocks that start a line of the text, in order."""
    return [_describe(node) for node in _functions(text)]


def render(signatures: list[dict[str, Any]]) -> str:
    """The snapshot as it stands on disk: JSON, a function a line."""
    return "[\n" + ",\n".join(json.dumps(s) for s in signatures) + "\n]\n"


def _functions(text: str) -> Iterator[ast.FunctionDef]:
    lines = text.splitlines()
    for start, line in enumerate(lines):
        if not line.startswith("def "):
            continue
        stop = start + 1
        while (block := "\n".join(lines[start:stop])).count("(") != block.count(")"):
            stop += 1
        node = ast.parse(block + ": ...").body[0]
        if not isinstance(node, ast.FunctionDef):
            raise ValueError(f"line {start + 1}: not a function: {block!r}")
        yield node


def _describe(node: ast.FunctionDef) -> dict[str, Any]:
    args = node.args
    if args.posonlyargs or args.kwonlyargs or args.vararg:
        raise ValueError(f"{node.name}: only plain arguments and ** are expected")
    plain = len(args.args) - len(args.defaults)
    described = [{"name": a.arg} for a in args.args[:plain]]
    described += [
        {"name": a.arg, **_default(value)}
        for a, value in zip(args.args[plain:], args.defaults, strict=True)
    ]
    return {
        "name": node.name,
        "arguments": described,
        "kwargs": args.kwarg.arg if args.kwarg else None,
    }


def _default(value: ast.expr) -> dict[str, Any]:
    if isinstance(value, ast.Name):
        return {"symbol": value.id}
    return {"default": ast.literal_eval(value)}


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    reference = Path(sys.argv[1]).read_text(encoding="utf-8")
    SNAPSHOT.write_text(render(read_signatures(reference)), encoding="utf-8")
