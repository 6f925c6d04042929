"""Printed lines, and counts in words."""

from __future__ import annotations


def say(text: str) -> None:
    """Print a line and flush; characters that the output cannot encode are escaped."""
    try:
        print(text, flush=True)
    except UnicodeEncodeError:
        print(text.encode("ascii", "backslashreplace").decode(), flush=True)


def count(number: int, noun: str, plural: str = "") -> str:
    """'1 pair', '2,471 images'."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
