"""Counts in words, and lines of text."""

from __future__ import annotations


def say(text: str) -> None:
    """Print a line, at once; letters that the output cannot hold are escaped."""
    try:
        print(text, flush=True)
    except UnicodeEncodeError:
        print(text.encode("ascii", "backslashreplace").decode(), flush=True)


def count(number: int, noun: str, plural: str = "") -> str:
    """'1 pair', '2,471 images'."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
