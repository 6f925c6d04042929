"""The host's work for each image before the device gets it: load, check, or decode it itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fastdup_gpu.gpu.headers import Bytes, Header, jpeg_header
from fastdup_gpu.gpu.vet import vet_header
from fastdup_gpu.protocol import Encoded, Outcome, PixelPlan, Status
from fastdup_gpu.shrink import UNUSABLE, Shrunk, outcome_of, shrink


@dataclass(frozen=True, slots=True)
class Ready:
    """One prepared image: `data` for the GPU decoder, or `shrunk` by the host, or neither.

    `pixels`: how many the decoded image has. `outcome` is final if the image is refused
    or shrunk; otherwise the result of the decoder is still missing.
    """

    outcome: Outcome
    data: Bytes = b""
    pixels: int = 0
    shrunk: Shrunk | None = None


def make_ready(item: Encoded, plan: PixelPlan) -> Ready:
    """Load and check one image on the calling thread; a bad one affects no other."""

    def load() -> tuple[Bytes, Header | None]:
        data = item.load()
        return data, jpeg_header(data)

    return vetted(item.index, load, plan)


def make_all_ready(items: Sequence[Encoded], plan: PixelPlan) -> list[Ready]:
    """make_ready for several images, which a thread gets at a time."""
    return [make_ready(item, plan) for item in items]


def vetted(index: int, load: Callable[[], tuple[Bytes, Header | None]], plan: PixelPlan) -> Ready:
    """Prepare image `index`; `load` returns its bytes and the result of headers.jpeg_header."""
    size = -1
    try:
        data, header = load()
        size = len(data)
        header = vet_header(size, header, plan)
        if header is None:
            return on_host(index, data, plan)
    except UNUSABLE as error:
        return Ready(outcome_of(error, index, size))
    outcome = Outcome(index, Status.OK, header.width, header.height, size)
    return Ready(outcome, data, header.width * header.height)


def on_host(index: int, data: Bytes, plan: PixelPlan) -> Ready:
    """Decode and shrink one image by the CPU's libraries."""
    try:
        small = shrink(bytes(data), plan)
    except UNUSABLE as error:
        return Ready(outcome_of(error, index, len(data)))
    return Ready(Outcome(index, Status.OK, small.width, small.height, len(data)), shrunk=small)
