"""Printed lines, and counts in words."""

from __future__ import annotations

import re

_STEM = 60  # characters


def say(text: str) -> None:
    """Print a line and flush; characters that the output cannot encode are escaped."""
    try:
        print(text, flush=True)
    except UnicodeEncodeError:
        print(text.encode("ascii", "backslashreplace").decode(), flush=True)


def count(number: int, noun: str, plural: str = "") -> str:
    """'1 pair', '2,471 images'."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def plain_stem(name: str) -> str:
    """The last part of a name without its extension, in characters that every system accepts."""
    base = name.replace("\\", "/").rpartition("/")[2]
    stem = base.rpartition(".")[0] or base
    return re.sub(r"[^A-Za-z0-9._-]+", "_", stem)[:_STEM]
