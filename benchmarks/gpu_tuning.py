"""A stage of the GPU acceptance run: what the settings of decoders and engines are worth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from benchmarks.gpu_stages import PLAN, Setting, in_batches, opened, packaged_spec
from benchmarks.gpu_timing import Found, row, timed, tried

_DECODER_SETTINGS = [
    (name, threads, share)
    for name in ("nvimgcodec", "dali")
    for threads, share in ((4, None), (1, None), (16, None), (4, 1.0), (4, 0.8), (8, 0.6), (4, 0.0))
    if (name, share) != ("dali", None)
]


def tuning(setting: Setting) -> Iterator[Found]:
    """What the decoders' settings and the size of a batch are worth, each by itself."""
    if setting.compute != "gpu":
        return
    batches = in_batches(setting, 2048)
    data = [[item.load() for item in batch] for batch in batches]
    for name, threads, share in _DECODER_SETTINGS:
        what = f"{name} alone, {threads} threads, hardware {share}"
        yield tried(what, partial(_decoder_alone, what, name, threads, share, data))
    yield from _at_once([one for batch in data for one in batch])
    yield from _batch_sizes(opened(setting).decode(batches[0], PLAN))


def _decoder_alone(
    what: str, name: str, threads: int, share: float | None, data: list[list[bytes]]
) -> Found:
    spent = timed(partial(_repeat_each, _decoder(name, threads, share).decode, data))
    return row(what, sum(map(len, data)), spent, "images/s")


def _at_once(data: list[bytes]) -> Iterator[Found]:
    """How many pictures nvImageCodec is given in one call."""
    for size in (16, 32, 64, 128, 256):
        decode = _decoder("nvimgcodec", 4, None).decode
        parts = [data[i : i + size] for i in range(0, len(data), size)]
        spent = timed(partial(_repeat_each, decode, parts))
        yield row(f"nvimgcodec alone, {size} at once", len(data), spent, "images/s")


def _decoder(name: str, threads: int, share: float | None) -> Any:
    if name == "dali":
        from fastdup_gpu.gpu.dali import DaliDecoder

        assert share is not None
        return DaliDecoder(0, 128, threads=threads, hardware=share)
    from fastdup_gpu.gpu.nvimg import NvImageDecoder

    return NvImageDecoder(0, threads=threads, hardware=share)


def _repeat_each(work: Callable[[Any], object], batches: Any) -> None:
    for batch in batches:
        work(batch)
    import cupy

    cupy.cuda.Device().synchronize()


def _batch_sizes(batch: Any) -> Iterator[Found]:
    """Embedding on the device alone, nothing copied back."""
    import cupy

    from fastdup_gpu.gpu.embed import GpuModel

    for size in (64, 128, 256, 512, 1024):
        model = GpuModel(packaged_spec("gpu", "auto"), 0, size)
        pixels = cupy.concatenate([batch.model_pixels] * 8)[:size]

        def work(model: Any = model, pixels: Any = pixels) -> None:
            for _ in range(20):
                model.features(pixels)
            cupy.cuda.Device().synchronize()

        what = f"{model.runs_on} alone, batches of {size}"
        yield row(what, 20 * len(pixels), timed(work), "images/s")
