"""Counts in words."""

from __future__ import annotations


def count(number: int, noun: str, plural: str = "") -> str:
    """'1 pair', '2,471 images'."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
