"""What the host does for each picture before the device sees it: load, vet, or decode itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastdup_gpu.gpu.vet import vet
from fastdup_gpu.pictures import Refused
from fastdup_gpu.protocol import Encoded, Outcome, PixelPlan, Status
from fastdup_gpu.shrink import Shrunk, shrink


@dataclass(frozen=True, slots=True)
class Ready:
    """One picture made ready: `data` for the GPU decoder, or `shrunk` by the host, or neither.

    `pixels`: how many the decoded picture has. `outcome` is final where the picture is refused
    or shrunk, and otherwise lacks what the decoder finds.
    """

    outcome: Outcome
    data: bytes = b""
    pixels: int = 0
    shrunk: Shrunk | None = None


def make_ready(item: Encoded, plan: PixelPlan) -> Ready:
    """Load and vet one picture on the calling thread; a bad one costs only itself."""
    size = -1
    try:
        data = item.load()
        size = len(data)
        header = vet(data, plan)
        if header is None:
            return on_host(item.index, data, plan)
    except Refused as refused:
        return Ready(Outcome(item.index, refused.status, 0, 0, size, refused.detail))
    except FileNotFoundError as error:
        return Ready(Outcome(item.index, Status.MISSING, detail=_reason(error)))
    except OSError as error:
        return Ready(Outcome(item.index, Status.UNREADABLE, detail=_reason(error)))
    except MemoryError:
        return Ready(Outcome(item.index, Status.TOO_LARGE, 0, 0, size, "not enough memory"))
    outcome = Outcome(item.index, Status.OK, header.width, header.height, size)
    return Ready(outcome, data, header.width * header.height)


def make_all_ready(items: Sequence[Encoded], plan: PixelPlan) -> list[Ready]:
    """make_ready of several pictures: what is handed to a thread at a time."""
    return [make_ready(item, plan) for item in items]


def on_host(index: int, data: bytes, plan: PixelPlan) -> Ready:
    """Decode and shrink one picture by the CPU's libraries."""
    try:
        small = shrink(data, plan)
    except Refused as refused:
        return Ready(Outcome(index, refused.status, 0, 0, len(data), refused.detail))
    except MemoryError:
        return Ready(Outcome(index, Status.TOO_LARGE, 0, 0, len(data), "not enough memory"))
    return Ready(Outcome(index, Status.OK, small.width, small.height, len(data)), shrunk=small)


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
