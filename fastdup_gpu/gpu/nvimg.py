"""JPEG decoding by nvImageCodec, which gives None for a bad picture and keeps the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_THREADS = 4  # host threads that parse headers for the decoder


class NvImageDecoder:
    """One nvImageCodec decoder; used by one thread at a time. See decode.Decoder.

    `device` None = the CPU, where it can be tried without a GPU.
    """

    name = "nvimgcodec"

    def __init__(self, device: int | None) -> None:
        from nvidia import nvimgcodec as nv

        if device is None:
            backends = [nv.Backend(nv.BackendKind.CPU_ONLY)]
            self._decoder = nv.Decoder(
                device_id=nv.NVIMGCODEC_DEVICE_CPU_ONLY, max_num_cpu_threads=1, backends=backends
            )
        else:
            self._decoder = nv.Decoder(device_id=device, max_num_cpu_threads=_THREADS)
        self._params = nv.DecodeParams(
            apply_exif_orientation=True,
            color_spec=nv.ColorSpec.SRGB,
            sample_format=nv.SampleFormat.I_RGB,
        )

    def decode(self, data: Sequence[bytes]) -> list[Any]:
        """u8[h, w, 3] RGB device arrays, upright, on CuPy's current stream; None where bad."""
        import cupy
        from nvidia import nvimgcodec as nv

        streams = [_opened(nv, one) for one in data]
        good = [s for s in streams if s is not None]
        stream = cupy.cuda.get_current_stream()
        found = iter(self._decoder.decode(good, params=self._params, cuda_stream=stream.ptr))
        images = [None if s is None else next(found) for s in streams]
        return [_picture(image) for image in images]


def _opened(nv: Any, data: bytes) -> Any:
    """None where nvImageCodec does not even know the header."""
    try:
        return nv.CodeStream(data)
    except Exception:  # raises errors of many kinds
        return None


def _picture(image: Any) -> Any:
    import cupy

    if image is None:
        return None
    pixels = cupy.asarray(image)
    if pixels.dtype != "uint8" or pixels.ndim != 3 or pixels.shape[2] != 3:
        return None
    return pixels
