"""Retries requests after transient network failures, and gives up when the server is gone."""

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
_ROUNDS = 3  # rounds of tries for one request, with a wait for the server between them
_log = logging.getLogger(__name__)


class Transient(Exception):
    """A failure that may be temporary; `reason` is the error to raise if it is not."""

    def __init__(self, reason: OSError) -> None:
        super().__init__(str(reason))
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Backoff:
    """How often to try, and how many seconds to wait: twice as long each time, up to `longest`,
    minus a random part, so that many readers do not retry at the same moment."""

    attempts: int = 7
    first: float = 0.1
    longest: float = 10.0

    def delay(self, failed: int) -> float:
        """Seconds to wait after `failed` failures, 1 and more."""
        most = min(self.longest, self.first * 2.0 ** (failed - 1))
        return most * random.uniform(0.5, 1)


class Line:
    """Tracks whether a server responds at all, so that an outage does not count as bad images.

    Any response that shows that the server works counts, including refusals. `probe` makes a small
    request and raises Transient like any request. If the server has not responded for `lost`
    seconds of trying, or never has, requests raise ConnectionLost. For one event loop.
    """

    def __init__(self, name: str, probe: Callable[[], Awaitable[object]], lost: float) -> None:
        self._name, self._probe, self._lost = name, probe, lost
        self._answers = 0
        self._silent_since: float | None = None

    async def tried(self, request: Callable[[], Awaitable[T]], backoff: Backoff) -> T:
        """The result of `request`, tried again after every Transient.

        If all tries fail, the server is probed, and waited for if it does not respond. If a request
        fails in two rounds and the server responds at once after each of them, the reason of the
        last failure is raised: the first round may have met an outage that ended with it.
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
        """Seconds since the first request without a response after the last response."""
        return 0.0 if self._silent_since is None else time.monotonic() - self._silent_since

    async def _outage(self, backoff: Backoff) -> bool:
        """Wait until the server responds; False if it does at once."""
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
            f"{self._name} has not responded for {self._silence():.0f} seconds "
            f"({reason.strerror}). No image was marked as bad because of this: check the "
            "network and the server, then run again with resume=1 to continue from here"
        )
