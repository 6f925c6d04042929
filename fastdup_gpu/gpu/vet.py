"""Which encoded pictures are refused, given to the GPU decoder, or left to the CPU."""

from __future__ import annotations

from fastdup_gpu.gpu.headers import Bytes, Header, jpeg_header
from fastdup_gpu.pictures import check_size
from fastdup_gpu.protocol import PixelPlan, Refused, Status


def vet(data: Bytes, plan: PixelPlan) -> Header | None:
    """The header of a JPEG fit for the GPU decoder, None for what the CPU should read.

    Raises Refused for what no decoder is to be given: empty files, files and pictures of sizes
    that the plan does not take.
    """
    return vet_header(len(data), jpeg_header(data), plan)


def vet_header(size: int, header: Header | None, plan: PixelPlan) -> Header | None:
    """`vet` of a file of `size` bytes whose header was read already."""
    if not size:
        raise Refused(Status.ZERO_SIZE, "the file is empty")
    if size < plan.min_file_size:
        raise Refused(Status.FILE_TOO_SMALL, f"{size} bytes, min_file_size is {plan.min_file_size}")
    if header is not None:
        check_size(header.width, header.height, plan)
    return header
