"""Trying again what a network may fail at for a moment."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
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


async def retried(attempt: Callable[[], Awaitable[T]], backoff: Backoff) -> T:
    """What `attempt` gives, tried again after every Transient; the reason of the last one is
    raised."""
    for failed in range(1, backoff.attempts):
        try:
            return await attempt()
        except Transient as error:
            _log.debug("try %d of %d failed: %s", failed, backoff.attempts, error.reason)
            await asyncio.sleep(backoff.delay(failed))
    try:
        return await attempt()
    except Transient as error:
        raise error.reason from None
