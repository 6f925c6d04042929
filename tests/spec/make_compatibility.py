"""Write docs/compatibility.md from signatures.json and differences.py.

cd tests && python -m spec.make_compatibility
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from .differences import (
    ADDITIONS,
    BEHAVIOUR,
    DECLARED_DIFFERENCES,
    ArgumentDifference,
)

DOCUMENT = Path(__file__).parents[2] / "docs" / "compatibility.md"
SNAPSHOT = Path(__file__).with_name("signatures.json")

INTRODUCTION = """\
# Compatibility with the fastdup V0.2xx API

tests/spec/make_compatibility.py generates this page from the tables beside it; edit those, not this
page.

- `same`: the arguments, their order, their defaults and the behaviour are those of the reference.
- `differs`: the arguments are the same, except where the last column names one. The behaviour
  differs in the topics listed, which are explained under [Behaviour](#behaviour)."""


def render() -> str:
    """The document as it should be on disk."""
    names = [f["name"] for f in json.loads(SNAPSHOT.read_text(encoding="utf-8"))]
    parts = [INTRODUCTION, "## Functions", _table(_functions(names))]
    parts += ["## Additions", _table([("name", "purpose"), *_additions()])]
    parts += ["## Arguments", _table(_arguments())]
    parts += ["## Behaviour", _table(_behaviour())]
    return "\n\n".join(parts) + "\n"


def _functions(names: list[str]) -> Iterable[tuple[str, ...]]:
    yield "function", "state", "what differs"
    for name in names:
        what = [f"argument `{d.argument}`" for d in DECLARED_DIFFERENCES if d.function == name]
        what += [b.topic for b in BEHAVIOUR if name in b.functions]
        yield f"`{name}`", "differs" if what else "same", " · ".join(what)


def _additions() -> Iterable[tuple[str, str]]:
    return ((f"`{name}`", what) for name, what in sorted(ADDITIONS.items()))


def _arguments() -> Iterable[tuple[str, ...]]:
    yield "function", "argument", "fastdup-gpu", "why"
    for d in DECLARED_DIFFERENCES:
        yield f"`{d.function}`", f"`{d.argument}`", _change(d), d.reason


def _change(difference: ArgumentDifference) -> str:
    kind = "added, default" if difference.added else "default"
    return f"{kind} `{difference.default!r}`"


def _behaviour() -> Iterable[tuple[str, ...]]:
    yield "topic", "functions", "fastdup", "fastdup-gpu", "why"
    for b in BEHAVIOUR:
        yield b.topic, ", ".join(f"`{f}`" for f in b.functions), b.theirs, b.ours, b.why


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(map(_cell, row))} |" for row in rows]
    lines.insert(1, "|" + "---|" * (lines[0].count(" | ") + 1))
    return "\n".join(lines)


def _cell(text: str) -> str:
    """Text that breaks no table and is not taken for HTML."""
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    DOCUMENT.write_text(render(), encoding="utf-8")
