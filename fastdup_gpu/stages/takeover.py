"""Results of an earlier extraction among those of a new one, in order of the input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from fastdup_gpu.formats.items import Earlier
from fastdup_gpu.protocol import I64, Extracted, Outcome, Status

_AT_ONCE = 1024  # rows


@dataclass(frozen=True, slots=True)
class Takeover:
    """`rows`: for each item of the source from `first` on, the row of `earlier` to take over, -1
    if the item is to be read."""

    earlier: Earlier
    first: int
    rows: I64

    @property
    def unknown(self) -> Sequence[int]:
        """The items to read, ascending."""
        found: list[int] = (np.flatnonzero(self.rows < 0) + self.first).tolist()
        return found

    def merged(self, results: Iterator[Extracted]) -> Iterator[Extracted]:
        """`results`, those of `unknown` in order, with what is taken over in between."""
        at = self.first
        for result in results:
            begin = row = 0
            outcomes = result.outcomes
            for end in _ends(outcomes):
                yield from self._between(at, outcomes[begin].index)
                some = outcomes[begin:end]
                good = slice(row, row + sum(o.status is Status.OK for o in some))
                yield Extracted(some, result.features[good], result.stats[good])
                begin, row, at = end, good.stop, some[-1].index + 1
        yield from self._between(at, self.first + len(self.rows))

    def _between(self, begin: int, end: int) -> Iterator[Extracted]:
        for start in range(begin, end, _AT_ONCE):
            stop = min(start + _AT_ONCE, end)
            taken = self.earlier.take(self.rows[start - self.first : stop - self.first])
            sizes = taken.measures[:, :3].astype(np.int64).tolist()
            outcomes = [
                Outcome(index, Status.OK, *size)
                for index, size in zip(range(start, stop), sizes, strict=True)
            ]
            yield Extracted(outcomes, taken.features, taken.measures[:, 3:])


def _ends(outcomes: Sequence[Outcome]) -> list[int]:
    """The ends of the runs of outcomes with consecutive indices."""
    gaps = np.flatnonzero(np.diff([outcome.index for outcome in outcomes]) != 1) + 1
    return [*gaps.tolist(), len(outcomes)] if outcomes else []
