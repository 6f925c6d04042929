"""Trying again what a network may fail at for a moment, and giving up where it is gone."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from fastdup_gpu._errors import ConnectionLost

T = TypeVar("T")
_ROUNDS = 3  # how many outages a request may live through
_log = logging.getLogger(__name__)


class Transient(Exception):
    """A failure that may pass; `reason` is the error to raise where it does not."""

    def __init__(self, reason: OSError) -> None:
        super().__init__(str(reason))
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Backoff:
    """How often to try, and how many seconds to wait: twice as long each time, up to `longest`,
    less a random part, so that many readers do not come back at the same moment."""

    attempts: int = 7
    first: float = 0.1
    longest: float = 10.0

    def delay(self, failed: int) -> float:
        """Seconds to wait after `failed` failures, 1 and more."""
        most = min(self.longest, self.first * 2.0 ** (failed - 1))
        return most * random.uniform(0.5, 1)


class Line:
    """Whether a server answers at all, so that an outage is not taken for bad pictures.

    An answer is whatever tells that the server works, refusals included. `probe` asks it for
    something small and raises Transient like any request. Where nothing was answered for `lost`
    seconds of trying, or never anything, requests raise ConnectionLost. For one event loop.
    """

    def __init__(self, name: str, probe: Callable[[], Awaitable[object]], lost: float) -> None:
        self._name, self._probe, self._lost = name, probe, lost
        self._answers = 0
        self._silent_since: float | None = None

    async def tried(self, request: Callable[[], Awaitable[T]], backoff: Backoff) -> T:
        """What `request` gives, tried again after every Transient.

        Where all tries failed, the server is asked for the probe, and waited for if it does not
        answer. A request that fails so in two rounds, after each of which the server answered at
        once, raises the reason of its last failure: the first round may have met an outage that
        was over at its end.
        """
        answered = 0
        for _ in range(_ROUNDS):
            try:
                return await self._tries(request, backoff)
            except Transient as error:
                reason = error.reason
            answered += not await self._outage(backoff)
            if answered > 1:
                break
        raise reason

    async def _tries(self, request: Callable[[], Awaitable[T]], backoff: Backoff) -> T:
        for failed in range(1, backoff.attempts):
            try:
                return await self._heard(request)
            except Transient as error:
                _log.debug("try %d of %d failed: %s", failed, backoff.attempts, error.reason)
                if self._silence() >= self._lost:
                    await self._outage(backoff)
                await asyncio.sleep(backoff.delay(failed))
        return await self._heard(request)

    async def _heard(self, request: Callable[[], Awaitable[T]]) -> T:
        begin = time.monotonic()
        try:
            result = await request()
        except Transient:
            if self._silent_since is None:
                self._silent_since = begin
            raise
        except OSError:
            self._answered()
            raise
        self._answered()
        return result

    def _answered(self) -> None:
        self._answers += 1
        self._silent_since = None

    def _silence(self) -> float:
        """Seconds since the first request that was not answered after the last that was."""
        return 0.0 if self._silent_since is None else time.monotonic() - self._silent_since

    async def _outage(self, backoff: Backoff) -> bool:
        """Wait until the server answers; False where it does at once."""
        failed = 0
        while True:
            try:
                await self._heard(self._probe)
            except OSError:
                return failed > 0
            except Transient as error:
                failed += 1
                if not self._answers or self._silence() >= self._lost:
                    raise self._gone(error.reason) from None
                await asyncio.sleep(backoff.delay(failed))
            else:
                return failed > 0

    def _gone(self, reason: OSError) -> ConnectionLost:
        if not self._answers:
            return ConnectionLost(
                f"{self._name} cannot be reached ({reason.strerror}); check its address and the "
                "network"
            )
        return ConnectionLost(
            f"{self._name} has answered no request for {self._silence():.0f} seconds "
            f"({reason.strerror}). No picture was marked bad because of this: check the "
            "network and the server, then run again with resume=1, which goes on from here"
        )
