"""The host's work for each image before the device gets it: load, check, or decode it itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fastdup_gpu.gpu.headers import Bytes, Header, jpeg_header
from fastdup_gpu.pictures import check_bytes, check_size
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


def vetted(index: int, load: Callable[[], tuple[Bytes, Header | None]], plan: PixelPlan) -> Ready:
    """Prepare image `index`; `load` returns its bytes and the result of headers.jpeg_header: None
    for what the host decodes."""
    size = -1
    try:
        data, header = load()
        size = len(data)
        check_bytes(size, plan)
        if header is None:
            return on_host(index, data, plan)
        check_size(header.width, header.height, plan)
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
