"""Runs one target in this process for some CPU time, and keeps every input that breaks it."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from fuzz.mutate import mutate
from fuzz.target import Target, execute

_HANG = 10  # seconds of CPU time; the process is then ended by the system
_MEMORY = 12 << 30
_SHRINKING = 2  # seconds


@dataclass
class Progress:
    """What has been done; `found` names each kind of failure once."""

    executions: int = 0
    seconds: float = 0.0
    found: list[str] = field(default_factory=list)


class Loop:
    """`folder` takes progress.json, the input being run, and the inputs that broke the target."""

    def __init__(self, target: Target, folder: Path, seconds: float) -> None:
        self.target, self.folder, self.seconds = target, folder, seconds
        self.progress = Progress(found=sorted(p.stem for p in folder.glob("*.txt")))
        self._root = Path(tempfile.mkdtemp())
        self._current = folder / "current"
        self._written = 0.0
        self._begin = time.process_time()

    def one(self, data: bytes) -> None:
        """Run one input; ends the process when the time is over."""
        self._current.write_bytes(data)
        signal.setitimer(signal.ITIMER_PROF, _HANG)
        failure = self._failure(data)
        self.progress.executions += 1
        if failure and failure[0] not in self.progress.found:
            self._keep(data, *failure)
        signal.setitimer(signal.ITIMER_PROF, 0)
        self._report()

    def _failure(self, data: bytes) -> tuple[str, str] | None:
        """A short name for the kind of failure, and the traceback."""
        try:
            execute(self.target, data, self._root)
        except Exception as error:
            return _signature(error), traceback.format_exc()
        return None

    def _keep(self, data: bytes, name: str, text: str) -> None:
        self.progress.found.append(name)
        signal.setitimer(signal.ITIMER_PROF, 0)
        small = self._shrunk(data, name)
        (self.folder / f"{name}.bin").write_bytes(small)
        (self.folder / f"{name}.txt").write_text(text, errors="replace")

    def _shrunk(self, data: bytes, name: str) -> bytes:
        """Leave out what the failure does not need."""
        end = time.process_time() + _SHRINKING
        size = len(data) // 2
        while size and time.process_time() < end:
            at = 0
            while at < len(data) and time.process_time() < end:
                shorter = data[:at] + data[at + size :]
                failure = self._failure(shorter)
                if failure and failure[0] == name:
                    data = shorter
                else:
                    at += size
            size //= 2
        return data

    def _report(self) -> None:
        now = time.process_time() - self._begin
        if now - self._written < 0.5 and now < self.seconds:
            return
        self._written = self.progress.seconds = now
        (self.folder / "progress.json").write_text(json.dumps(asdict(self.progress)))
        if now >= self.seconds:
            self._current.unlink()
            sys.stdout.flush()
            os._exit(0)


def run(target: Target, folder: Path, seconds: float, engine: str, seed: int) -> None:
    """Fuzz until `seconds` of CPU time are over; never returns."""
    logging.disable(logging.CRITICAL)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    seeds = target.seeds()
    loop = Loop(target, folder, seconds)
    for data in seeds:
        loop.one(data)
    (_with_atheris if engine == "atheris" else _by_chance)(target, loop, seeds, seed)


def _by_chance(target: Target, loop: Loop, seeds: list[bytes], seed: int) -> None:
    rng = random.Random(seed)
    while True:
        loop.one(mutate(rng.choice(seeds), rng, target.tokens, rng.choice(seeds)))


def _with_atheris(target: Target, loop: Loop, seeds: list[bytes], seed: int) -> None:
    import atheris

    corpus = loop.folder / "corpus"
    corpus.mkdir(exist_ok=True)
    for data in seeds:
        (corpus / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)

    def mutated(data: bytes, most: int, chance: int) -> bytes:
        rng = random.Random(chance)
        if rng.random() < 0.4:
            return bytes(atheris.Mutate(data, most))
        return mutate(data, rng, target.tokens, rng.choice(seeds))[:most]

    options = ["-rss_limit_mb=0", "-timeout=1000000", "-detect_leaks=0", "-max_len=1048576"]
    options += [f"-seed={seed + 1}", "-verbosity=0", "-report_slow_units=1000000"]
    options += [f"-artifact_prefix={loop.folder}/"]
    atheris.Setup(["fuzz", *options, str(corpus)], loop.one, custom_mutator=mutated)
    atheris.Fuzz()


def instrument() -> Callable[[], Any]:
    """A context in which imported modules tell atheris of their coverage."""
    import atheris

    included = ["fastdup_gpu", "PIL", "tarfile", "zipfile", "yaml"]
    return lambda: atheris.instrument_imports(include=included, enable_loader_override=False)


def _signature(error: BaseException) -> str:
    """The kind of an error and the innermost place of this library on its way."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "fastdup_gpu" in f.filename or "fallback_cpu" in f.filename]
    place = (ours or frames)[-1]
    return f"{type(error).__name__}-{Path(place.filename).stem}-{place.lineno}"
