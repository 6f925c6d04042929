"""Error messages that name the right argument."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fastdup_gpu._errors import InputError, InvalidArgument

USUAL = "input_dir"


@contextmanager
def spoken_of_as(argument: str) -> Iterator[None]:
    """Make errors whose message begins with 'input_dir' name `argument` instead."""
    try:
        yield
    except (InputError, InvalidArgument) as error:
        text = str(error)
        if argument == USUAL or not text.startswith(USUAL):
            raise
        rest = text.removeprefix(USUAL).replace(f"given as {USUAL}", f"given as {argument}")
        raise type(error)(argument + rest) from error
