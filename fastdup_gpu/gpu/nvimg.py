"""JPEG decoding by nvImageCodec, which returns None for a bad image and decodes the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import simplejpeg

from fastdup_gpu.gpu.headers import Bytes

THREADS = 4  # of the host, for each decoder: headers, and Huffman codes of hybrid decoding
_KEPT = 4 << 30  # bytes
# Images in the first call: nvImageCodec 0.9 never gives its batched decoder (the JPEG hardware)
# more than that at a time; the rest of a batch goes to slower decoders. At least as many as a batch
# may have (batch_size is 199 at most).
_MOST_AT_ONCE = 256
# Upsample colours as libjpeg does; otherwise nvJPEG repeats them, which is visible at edges.
_OPTIONS = ":fancy_upsampling=1"


class NvImageDecoder:
    """One nvImageCodec decoder, which several threads may share. See decode.Decoder.

    Two decoders that share the JPEG hardware are slower together than one (docs/performance.md),
    so there is one, and its users take turns.

    `device` None = the CPU, for tests without a GPU. `hardware`: the share of a batch that the
    JPEG hardware takes, if there is any; None = nvImageCodec's default.

    Images that the GPU refuses are None. nvImageCodec's own CPU decoders are not used: they accept
    damaged images as valid, and one of them writes out of bounds if an EXIF tag is damaged.
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
        """The first call, with as many images as any later one may have, and synchronised."""
        import cupy

        tiny = np.frombuffer(simplejpeg.encode_jpeg(np.zeros((64, 64, 3), np.uint8)), np.uint8)
        stream = cupy.cuda.get_current_stream()
        found = self.decode_now([nv.CodeStream(tiny)] * _MOST_AT_ONCE, stream.ptr)
        stream.synchronize()
        del found  # not earlier

    def decode(self, data: Sequence[Bytes]) -> list[Any]:
        """u8[h, w, 3] RGB images on the device, upright, on CuPy's current stream; None for bad
        ones."""
        import cupy
        from nvidia import nvimgcodec as nv

        stream = cupy.cuda.get_current_stream().ptr
        # Before taking the turn, as it takes 5 microseconds per image.
        opened = [nv.CodeStream(np.frombuffer(one, np.uint8)) for one in data]
        with self._turn:
            found = self.decode_now(opened, stream)
        time.sleep(0)  # releases Python's lock, which the next thread needs to start
        return found

    def decode_now(self, opened: Sequence[Any], stream: int) -> list[Any]:
        """The same for code streams, on the CUDA stream at that address; holding the turn."""
        found: list[Any] = self._decoder.decode(opened, params=self._params, cuda_stream=stream)
        return found


def _keep_memory(device: int) -> None:
    """Let CUDA's own pool, from which nvImageCodec allocates images, keep the memory of a batch:
    otherwise each synchronisation of a stream returns it to the driver."""
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
    # The hybrid decoder, whose Huffman codes are the CPU's, decodes 2,300 images/s of 500 x 400
    # on an H100 by itself. The order of the list changes nothing.
    return [first, *map(nv.Backend, (kinds.HYBRID_CPU_GPU, kinds.GPU_ONLY))]
