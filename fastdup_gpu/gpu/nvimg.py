"""JPEG decoding by nvImageCodec, which returns None for a bad image and decodes the others."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import simplejpeg

from fastdup_gpu._cpu import cores
from fastdup_gpu._errors import BackendUnavailable
from fastdup_gpu.gpu.headers import Bytes

# Of the host: headers, and Huffman codes of hybrid decoding, which is all there is for progressive
# JPEGs and on GPUs without JPEG hardware.
THREADS = max(4, min(8, cores() // 2))
_KEPT = 4 << 30  # bytes
# Images in the first call: nvImageCodec 0.9 never gives its batched decoder (the JPEG hardware)
# more than its share of that at a time; the rest of a batch goes to slower decoders. At least as
# many as a batch may have (batch_size is 199 at most), or a batch where a share is asked for.
_MOST_AT_ONCE, _BATCH = 256, 128
# Upsample colours as libjpeg does; otherwise nvJPEG repeats them, which is visible at edges.
_OPTIONS = ":fancy_upsampling=1"
_VERBOSITY = "PYNVIMGCODEC_VERBOSITY"
_HINT = (
    "It needs nvJPEG: pip install 'fastdup-gpu[cu13]' (or [cu12]) installs both in fitting versions"
)


class NvImageDecoder:
    """One nvImageCodec decoder, which several threads may share. See decode.Decoder.

    Two decoders that share the JPEG hardware are slower together than one (docs/performance.md),
    so there is one, and its users take turns.

    `device` None = the CPU, for tests without a GPU. `hardware`: the share of a batch that the
    JPEG hardware takes, if there is any; None = nvImageCodec's default.

    Images that the GPU refuses are None. nvImageCodec's own CPU decoders are not used: they accept
    damaged images as valid, and one of them writes out of bounds if an EXIF tag is damaged.
    Raises BackendUnavailable if no decoder works.
    """

    name = "nvimgcodec"
    most = 1 << 16

    def __init__(
        self, device: int | None, *, threads: int = THREADS, hardware: float | None = None
    ) -> None:
        with _unheard():
            from nvidia import nvimgcodec as nv

        if device is not None:
            _keep_memory(device)
        number = nv.NVIMGCODEC_DEVICE_CPU_ONLY if device is None else device
        try:
            self._decoder = nv.Decoder(
                device_id=number,
                max_num_cpu_threads=threads,
                backends=_backends(nv, device, hardware),
                options=_OPTIONS,
            )
        except RuntimeError as error:
            raise BackendUnavailable(f"nvImageCodec cannot be used ({error}). {_HINT}") from error
        self._turn = threading.Lock()
        self._params = nv.DecodeParams(
            apply_exif_orientation=True,
            color_spec=nv.ColorSpec.SRGB,
            sample_format=nv.SampleFormat.I_RGB,
        )
        if device is not None:
            self._begin(nv, _MOST_AT_ONCE if hardware is None else _BATCH)

    def _begin(self, nv: Any, most: int) -> None:
        """The first call, synchronised; raises BackendUnavailable if it decodes nothing, as then
        the host would decode everything without a word."""
        import cupy

        tiny = np.frombuffer(simplejpeg.encode_jpeg(np.zeros((64, 64, 3), np.uint8)), np.uint8)
        stream = cupy.cuda.get_current_stream()
        found = self.decode_now([nv.CodeStream(tiny)] * most, stream.ptr)
        stream.synchronize()
        if all(picture is None for picture in found):  # and not released earlier
            raise BackendUnavailable(f"nvImageCodec cannot decode a JPEG on this GPU. {_HINT}")

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
    otherwise each synchronisation of a stream returns it to the driver.

    Memory is reused only after the work on it is done. CUDA would also reuse it earlier and make
    the new stream wait, but JPEG hardware does not wait (see decode._Canvas.settle).
    """
    import cupy

    runtime = cupy.cuda.runtime
    pool = runtime.deviceGetDefaultMemPool(device)
    runtime.memPoolSetAttribute(pool, runtime.cudaMemPoolAttrReleaseThreshold, _KEPT)
    for early in (
        runtime.cudaMemPoolReuseFollowEventDependencies,
        runtime.cudaMemPoolReuseAllowInternalDependencies,
    ):
        runtime.memPoolSetAttribute(pool, early, 0)


@contextmanager
def _unheard() -> Iterator[None]:
    """While nvImageCodec is imported, and reads which of its messages to print: none of the lines
    that each bad image would add to stderr, unless the user asks for them."""
    if _VERBOSITY in os.environ:
        yield
        return
    os.environ[_VERBOSITY] = "0"
    try:
        yield
    finally:
        del os.environ[_VERBOSITY]


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
