"""The GPU backend."""

from __future__ import annotations

from fastdup_gpu._errors import BackendUnavailable
from fastdup_gpu.gpu import probe


class GpuBackend:
    """See fastdup_gpu.protocol.Backend."""

    name = "gpu"
    batch_size = 128

    def __init__(self) -> None:
        probe.require()
        raise BackendUnavailable(
            "compute='gpu' is not part of this release: its stages are not finished. "
            "Use compute='cpu'."
        )
