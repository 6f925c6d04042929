"""A little of the fuzzing in every run of the tests, and all that was ever found by it."""

from __future__ import annotations

import os
import random
import resource
from pathlib import Path

import pytest

from fuzz.mutate import mutate
from fuzz.target import CUT, Broken, Target, execute, parts
from fuzz.targets import TARGETS

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of damaged pictures

FOUND = sorted((Path(__file__).parent / "found").glob("*/*"))
# Inputs for each target; a long search is `python -m fuzz`.
COUNT = int(os.environ.get("FASTDUP_FUZZ", "30"))


def seeds_of(target: Target) -> list[bytes]:
    if target.needs:
        pytest.importorskip(target.needs)
    seeds = target.seeds()
    if not seeds:
        pytest.skip(f"nothing here writes {target.name}")
    return seeds


@pytest.mark.parametrize("name", TARGETS)
def test_the_first_seed_is_read(name, tmp_path):
    target = TARGETS[name]
    target.call(seeds_of(target)[0], tmp_path)


@pytest.mark.parametrize("name", TARGETS)
def test_damage_gives_a_result_or_a_documented_error(name, tmp_path):
    target, rng = TARGETS[name], random.Random(name)
    seeds = seeds_of(target)
    for _ in range(max(1, COUNT // target.weight)):
        data = mutate(rng.choice(seeds), rng, target.tokens, rng.choice(seeds))
        execute(target, data, tmp_path)


@pytest.mark.parametrize("path", FOUND, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_what_was_found_stays_mended(path, tmp_path):
    target = TARGETS[path.parent.name]
    if target.needs:
        pytest.importorskip(target.needs)
    execute(target, path.read_bytes(), tmp_path)


def test_execute_tells_of_other_errors(tmp_path):
    def fails(data: bytes, folder: Path) -> None:
        raise KeyError(data)

    with pytest.raises(KeyError):
        execute(Target("t", list, fails), b"", tmp_path)
    execute(Target("t", list, fails, errors=(KeyError,)), b"", tmp_path)


def test_execute_tells_of_files_outside_and_of_memory(tmp_path):
    def strays(data: bytes, folder: Path) -> None:
        (folder / ".." / "stranger").touch()

    def hoards(data: bytes, folder: Path) -> None:
        largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB, what is in use or more
        b"1" * ((largest << 10) + (400 << 20))

    with pytest.raises(Broken, match="memory"):
        execute(Target("t", list, hoards, memory=200), b"", tmp_path)
    with pytest.raises(Broken, match="stranger"):
        execute(Target("t", list, strays), b"", tmp_path)


def test_mutations_differ_and_are_the_same_for_the_same_seed():
    def some(seed: int) -> list[bytes]:
        rng = random.Random(seed)
        return [mutate(b"0123456789" * 9, rng, (b"word",), b"abc" * 30) for _ in range(50)]

    assert some(1) == some(1) != some(2)
    assert len(set(some(1))) > 40


def test_parts_of_an_input():
    assert parts(b"a" + CUT + b"b", 2) == [b"a", b"b"]
    assert parts(b"a", 3) == [b"a", b"", b""]
