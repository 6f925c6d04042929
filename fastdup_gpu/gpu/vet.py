"""Which encoded images are refused, passed to the GPU decoder, or left to the CPU."""

from __future__ import annotations

from fastdup_gpu.gpu.headers import Header
from fastdup_gpu.pictures import check_size
from fastdup_gpu.protocol import PixelPlan, Refused, Status


def vet_header(size: int, header: Header | None, plan: PixelPlan) -> Header | None:
    """The `header` of a file of `size` bytes: that of a JPEG suitable for the GPU decoder, or None
    for files that the CPU should read.

    Raises Refused for files that no decoder should get: empty files, and files and images of sizes
    that the plan does not accept.
    """
    if not size:
        raise Refused(Status.ZERO_SIZE, "the file is empty")
    if size < plan.min_file_size:
        raise Refused(Status.FILE_TOO_SMALL, f"{size} bytes, min_file_size is {plan.min_file_size}")
    if header is not None:
        check_size(header.width, header.height, plan)
    return header
