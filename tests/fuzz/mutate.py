"""Damage to bytes, by chance but the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

_NUMBERS = (0, 1, -1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_WORDS = (b"\0", b"\n", b"\r", b"\xff", b'"', b",", b"nan", b"inf", b"-1", b"1e999", b"9" * 30)
_LONGEST = 1 << 20


def mutate(data: bytes, rng: random.Random, tokens: Sequence[bytes], other: bytes = b"") -> bytes:
    """A few changes to `data`; `other` is an input that parts may be taken from."""
    changed = bytearray(data)
    for _ in range(1 << rng.randrange(4)):
        _CHANGES[rng.randrange(len(_CHANGES))](changed, rng, tokens, other)
    return bytes(changed[:_LONGEST])


def _place(data: bytearray, rng: random.Random) -> int:
    """Headers matter most: half of all changes go to the first bytes."""
    end = len(data) if rng.random() < 0.5 else min(len(data), 64)
    return rng.randrange(end + 1)


def _flip(data: bytearray, rng: random.Random, *_: object) -> None:
    if data:
        data[_place(data, rng) - 1] ^= 1 << rng.randrange(8)


def _replace(data: bytearray, rng: random.Random, *_: object) -> None:
    if data:
        data[_place(data, rng) - 1] = rng.randrange(256)


def _number(data: bytearray, rng: random.Random, *_: object) -> None:
    width = rng.choice((1, 2, 4, 8))
    value = rng.choice(_NUMBERS) % (1 << 8 * width)
    at = _place(data, rng)
    data[at : at + width] = value.to_bytes(width, rng.choice(("little", "big")))


def _insert(data: bytearray, rng: random.Random, tokens: Sequence[bytes], _: bytes) -> None:
    at = _place(data, rng)
    data[at:at] = rng.choice((*tokens, *_WORDS))


def _overwrite(data: bytearray, rng: random.Random, tokens: Sequence[bytes], _: bytes) -> None:
    word, at = rng.choice((*tokens, *_WORDS)), _place(data, rng)
    data[at : at + len(word)] = word


def _drop(data: bytearray, rng: random.Random, *_: object) -> None:
    at = _place(data, rng)
    del data[at : at + rng.choice((1, 2, 4, 16, 256, len(data)))]


def _repeat(data: bytearray, rng: random.Random, *_: object) -> None:
    at = _place(data, rng)
    part = data[at : at + rng.choice((1, 4, 16, 256))]
    data[at:at] = part * rng.choice((1, 2, 20))


def _take(data: bytearray, rng: random.Random, _: object, other: bytes) -> None:
    at, start = _place(data, rng), rng.randrange(len(other) + 1)
    part = other[start : start + rng.choice((4, 16, 256, 4096))]
    data[at : at + len(part)] = part


_CHANGES: tuple[Callable[..., None], ...] = (
    _flip,
    _replace,
    _number,
    _insert,
    _overwrite,
    _drop,
    _repeat,
    _take,
)
