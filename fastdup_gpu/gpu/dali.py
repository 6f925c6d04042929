"""JPEG decoding by a DALI pipeline. A bad image can end the pipeline, which is then rebuilt."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastdup_gpu.gpu.headers import Bytes

_LOG = logging.getLogger("fastdup_gpu")
THREADS = 4  # of the host, for each pipeline
# Share of a batch that goes to the JPEG hardware, if the GPU has it.
_HARDWARE = 0.65


class DaliDecoder:
    """A pipeline of one operator; used by one thread at a time. See decode.Decoder.

    `device` None = the CPU, for tests without a GPU.
    """

    name = "dali"

    def __init__(
        self,
        device: int | None,
        batch_size: int,
        *,
        threads: int = THREADS,
        hardware: float = _HARDWARE,
    ) -> None:
        self.most = batch_size
        self._device, self._threads, self._hardware = device, threads, hardware
        self._pipeline: Any = None
        self._died = False

    def decode(self, data: Sequence[Bytes]) -> list[Any]:
        """u8[h, w, 3] RGB images on the device, upright; all None if one ended the pipeline.

        They are in DALI's own memory, on CuPy's current stream, and valid until the next call.
        """
        decoded = self._run([np.frombuffer(one, np.uint8) for one in data])
        return [None if decoded is None else decoded[i] for i in range(len(data))]

    def _run(self, arrays: list[Any]) -> Any:
        import cupy

        if self._pipeline is None:
            self._pipeline = build_pipeline(
                self._device, self.most, threads=self._threads, hardware=self._hardware
            )
        stream = None if self._device is None else cupy.cuda.get_current_stream()
        try:
            (decoded,) = self._pipeline.run(stream, raw=arrays)
        except RuntimeError as error:
            self._pipeline = None
            # A warning once: if every batch fails, choosing DALI is pointless.
            level = logging.INFO if self._died else logging.WARNING
            self._died = True
            _LOG.log(level, "DALI failed on a batch, which is passed to another decoder: %s", error)
            return None
        return decoded


def build_pipeline(device: int | None, batch_size: int, *, threads: int, hardware: float) -> Any:
    """The pipeline for one GPU; None = the CPU, for tests without a GPU."""
    from nvidia.dali import fn, pipeline_def, types

    def decoding() -> Any:
        raw = fn.external_source(name="raw", batch=True, dtype=types.UINT8, ndim=1)
        return fn.decoders.image(
            raw,
            device="cpu" if device is None else "mixed",
            output_type=types.RGB,
            hw_decoder_load=hardware,
            adjust_orientation=True,
            jpeg_fancy_upsampling=True,
        )

    settings = {"num_threads": threads, "device_id": device, "prefetch_queue_depth": 1}
    made = pipeline_def(decoding)(batch_size=batch_size, **settings)
    made.build()
    return made
