"""JPEG decoding by nvImageCodec, which gives None for a bad picture and keeps the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import simplejpeg

from fastdup_gpu.gpu.headers import Bytes

THREADS = 4  # of the host, for each decoder: headers, and Huffman codes of what the CPU shares in
_KEPT = 4 << 30  # bytes
# Pictures in the first call: nvImageCodec 0.9 never gives its batched decoder, which the JPEG
# hardware is, more at a time than that; the rest of a batch goes to slower ones. At least as many
# as a batch may have (batch_size is 199 at most).
_MOST_AT_ONCE = 256
# As libjpeg upsamples colours; nvJPEG otherwise repeats them, which shows at their borders.
_OPTIONS = ":fancy_upsampling=1"


class NvImageDecoder:
    """One nvImageCodec decoder, which several threads may share. See decode.Decoder.

    A second decoder shares the JPEG hardware with the first so badly that both together are slower
    than one (docs/performance.md); so there is one, and its users take turns.

    `device` None = the CPU, where it can be tried without a GPU. `hardware`: the share of a batch
    that the JPEG hardware takes, where there is some; None = nvImageCodec's default.

    What the GPU refuses is None. nvImageCodec's own decoders for the CPU are not asked: they take
    damaged pictures for whole, and one of them writes past its memory where an EXIF tag is damaged.
    """

    name = "nvimgcodec"
    most = 1 << 16

    def __init__(
        self, device: int | None, *, threads: int = THREADS, hardware: float | None = None
    ) -> None:
        from nvidia import nvimgcodec as nv

        if device is not None:
            _keep_memory(device)
        number = nv.NVIMGCODEC_DEVICE_CPU_ONLY if device is None else device
        self._decoder = nv.Decoder(
            device_id=number,
            max_num_cpu_threads=threads,
            backends=_backends(nv, device, hardware),
            options=_OPTIONS,
        )
        self._turn = threading.Lock()
        self._params = nv.DecodeParams(
            apply_exif_orientation=True,
            color_spec=nv.ColorSpec.SRGB,
            sample_format=nv.SampleFormat.I_RGB,
        )
        if device is not None:
            self._begin(nv)

    def _begin(self, nv: Any) -> None:
        """The first call: as many pictures as any other may have, and waited for."""
        import cupy

        tiny = np.frombuffer(simplejpeg.encode_jpeg(np.zeros((64, 64, 3), np.uint8)), np.uint8)
        stream = cupy.cuda.get_current_stream()
        found = self.decode_now([nv.CodeStream(tiny)] * _MOST_AT_ONCE, stream.ptr)
        stream.synchronize()
        del found  # not before

    def decode(self, data: Sequence[Bytes]) -> list[Any]:
        """u8[h, w, 3] RGB pictures on the device, upright, on CuPy's current stream; None where
        one is bad."""
        import cupy
        from nvidia import nvimgcodec as nv

        stream = cupy.cuda.get_current_stream().ptr
        # Before one's turn, as it takes the decoder 5 microseconds a picture.
        opened = [nv.CodeStream(np.frombuffer(one, np.uint8)) for one in data]
        with self._turn:
            found = self.decode_now(opened, stream)
        time.sleep(0)  # lets go of Python's lock, which the next in turn needs to begin
        return found

    def decode_now(self, opened: Sequence[Any], stream: int) -> list[Any]:
        """The same of code streams on the CUDA stream at that address, when it is one's turn."""
        found: list[Any] = self._decoder.decode(opened, params=self._params, cuda_stream=stream)
        return found


def _keep_memory(device: int) -> None:
    """Let CUDA's own pool, which nvImageCodec's pictures come from, keep what a batch took:
    otherwise each wait for a stream gives it back to the driver."""
    import cupy

    runtime = cupy.cuda.runtime
    pool = runtime.deviceGetDefaultMemPool(device)
    runtime.memPoolSetAttribute(pool, runtime.cudaMemPoolAttrReleaseThreshold, _KEPT)


def _backends(nv: Any, device: int | None, hardware: float | None) -> list[Any]:
    if device is None:
        return [nv.Backend(nv.BackendKind.CPU_ONLY)]
    kinds = nv.BackendKind
    first = nv.Backend(kinds.HW_GPU_ONLY)
    if hardware is not None:
        first = nv.Backend(kinds.HW_GPU_ONLY, hardware, nv.LoadHintPolicy.FIXED)
    # Behind the hardware Huffman codes are the CPU's: the GPU alone decodes 2,300 images/s of
    # 500 x 400 on an H100.
    return [first, *map(nv.Backend, (kinds.HYBRID_CPU_GPU, kinds.GPU_ONLY))]
