"""What the host does for each picture before the device sees it: load, vet, or decode itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fastdup_gpu.gpu.headers import Bytes, Header, jpeg_header
from fastdup_gpu.gpu.vet import vet_header
from fastdup_gpu.protocol import Encoded, Outcome, PixelPlan, Refused, Status
from fastdup_gpu.shrink import Shrunk, shrink


@dataclass(frozen=True, slots=True)
class Ready:
    """One picture made ready: `data` for the GPU decoder, or `shrunk` by the host, or neither.

    `pixels`: how many the decoded picture has. `outcome` is final where the picture is refused
    or shrunk, and otherwise lacks what the decoder finds.
    """

    outcome: Outcome
    data: Bytes = b""
    pixels: int = 0
    shrunk: Shrunk | None = None


def make_ready(item: Encoded, plan: PixelPlan) -> Ready:
    """Load and vet one picture on the calling thread; a bad one costs only itself."""

    def load() -> tuple[Bytes, Header | None]:
        data = item.load()
        return data, jpeg_header(data)

    return vetted(item.index, load, plan)


def make_all_ready(items: Sequence[Encoded], plan: PixelPlan) -> list[Ready]:
    """make_ready of several pictures: what is handed to a thread at a time."""
    return [make_ready(item, plan) for item in items]


def vetted(index: int, load: Callable[[], tuple[Bytes, Header | None]], plan: PixelPlan) -> Ready:
    """Picture `index`, of which `load` gives the bytes and what headers.jpeg_header says."""
    size = -1
    try:
        data, header = load()
        size = len(data)
        header = vet_header(size, header, plan)
        if header is None:
            return on_host(index, data, plan)
    except Refused as refused:
        return Ready(Outcome(index, refused.status, 0, 0, size, refused.detail))
    except FileNotFoundError as error:
        return Ready(Outcome(index, Status.MISSING, detail=_reason(error)))
    except OSError as error:
        return Ready(Outcome(index, Status.UNREADABLE, detail=_reason(error)))
    except MemoryError:
        return Ready(Outcome(index, Status.TOO_LARGE, 0, 0, size, "not enough memory"))
    outcome = Outcome(index, Status.OK, header.width, header.height, size)
    return Ready(outcome, data, header.width * header.height)


def on_host(index: int, data: Bytes, plan: PixelPlan) -> Ready:
    """Decode and shrink one picture by the CPU's libraries."""
    try:
        small = shrink(bytes(data), plan)
    except Refused as refused:
        return Ready(Outcome(index, refused.status, 0, 0, len(data), refused.detail))
    except MemoryError:
        return Ready(Outcome(index, Status.TOO_LARGE, 0, 0, len(data), "not enough memory"))
    return Ready(Outcome(index, Status.OK, small.width, small.height, len(data)), shrunk=small)


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
