"""JPEG decoding by a DALI pipeline, which one bad picture kills: then it is made anew."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

_LOG = logging.getLogger("fastdup_gpu")
_THREADS = 4
# Share of a batch that goes to the JPEG hardware where the GPU has it.
_HARDWARE = 0.65


class DaliDecoder:
    """A pipeline of one operator; used by one thread at a time. See decode.Decoder."""

    name = "dali"

    def __init__(self, device: int | None, batch_size: int) -> None:
        self._device = device
        self._batch_size = batch_size
        self._pipeline: Any = None

    def decode(self, data: Sequence[bytes]) -> list[Any]:
        """u8[h, w, 3] RGB device arrays, upright; all None where the pipeline died of one.

        They are DALI's own memory and hold until the next call.
        """
        import cupy

        out: list[Any] = []
        for start in range(0, len(data), self._batch_size):
            part = data[start : start + self._batch_size]
            decoded = self._run([np.frombuffer(one, np.uint8) for one in part])
            if decoded is None:
                out += [None] * len(part)
            elif len(data) > self._batch_size:
                out += [cupy.array(decoded[i]) for i in range(len(part))]
            else:
                out += [cupy.asarray(decoded[i]) for i in range(len(part))]
        return out

    def _run(self, arrays: list[Any]) -> Any:
        if self._pipeline is None:
            self._pipeline = build_pipeline(self._device, self._batch_size)
        try:
            (decoded,) = self._pipeline.run(raw=arrays)
        except RuntimeError as error:
            self._pipeline = None
            _LOG.info("a batch goes to another decoder, as DALI could not decode it: %s", error)
            return None
        return decoded


def build_pipeline(device: int | None, batch_size: int) -> Any:
    """The pipeline for one GPU; None = the CPU, where it can be tried without one."""
    from nvidia.dali import fn, pipeline_def, types

    def decoding() -> Any:
        raw = fn.external_source(name="raw", batch=True, dtype=types.UINT8, ndim=1)
        return fn.decoders.image(
            raw,
            device="cpu" if device is None else "mixed",
            output_type=types.RGB,
            hw_decoder_load=_HARDWARE,
            adjust_orientation=True,
            jpeg_fancy_upsampling=True,
        )

    settings = {"num_threads": _THREADS, "device_id": device, "prefetch_queue_depth": 1}
    made = pipeline_def(decoding)(batch_size=batch_size, **settings)
    made.build()
    return made
