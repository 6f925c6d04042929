"""Checks of arguments that are numbers or paths. Each raises InvalidArgument, which names the
argument, what was given and what was expected."""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Iterable
from numbers import Real
from typing import Any, TypeGuard, TypeVar, cast

from fastdup_gpu._errors import InvalidArgument, choose, shown

Known = TypeVar("Known")
MANY = 1_000_000_000_000  # more than anything that is counted here


def whole_number(name: str, value: object, low: int = 0, high: int = MANY) -> int:
    """Return an argument that must be a whole number from `low` to `high`."""
    try:
        is_flag = type(value).__name__ in ("bool", "bool_")  # those of numpy as well
        number = None if is_flag else operator.index(cast(int, value))
    except TypeError:
        number = None
    if number is None or not low <= number <= high:
        bounds = f"of {low} or more" if high == MANY else f"from {low} to {high}"
        raise InvalidArgument(f"{name}={shown(value)}: expected a whole number {bounds}")
    return number


def real_number(
    name: str,
    value: object,
    meaning: str = "a number",
    low: float = -math.inf,
    high: float = math.inf,
) -> float:
    """Return an argument that must be a number from `low` to `high`; `meaning` describes it."""
    if not isinstance(value, Real) or isinstance(value, bool) or not low <= float(value) <= high:
        raise InvalidArgument(f"{name}={shown(value)}: expected {meaning}")
    return float(value)


def flag(name: str, value: object) -> bool:
    """Return an argument that must be True or False, or 1 or 0."""
    try:
        known = value in (0, 1)
    except (TypeError, ValueError):  # pandas' NA and an array of several are neither
        known = False
    if not known:
        raise InvalidArgument(f"{name}={shown(value)}: expected True or False (1 or 0)")
    return bool(value)


def one_of(name: str, value: Known, known: Iterable[object]) -> Known:
    """Return an argument that must be one of the `known` values."""
    listed = list(known)
    try:
        is_known = value in dict.fromkeys(listed)
    except TypeError:  # lists and arrays have no hash
        is_known = False
    if not is_known:
        raise choose(name, value, listed)
    return value


def has_entries(value: object) -> TypeGuard[Iterable[Any]]:
    """Whether a value is a list or alike: neither a text nor an array without dimensions."""
    return (
        isinstance(value, Iterable)
        and not isinstance(value, str | bytes)
        and getattr(value, "ndim", 1) != 0
    )


def path_text(name: str, value: object) -> str:
    """Return an argument that must be the path of a file or folder, as text."""
    path = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(path, str) or "\0" in path:
        raise InvalidArgument(f"{name}={shown(value)}: expected a path, as a str or a Path")
    return path
