"""Batches of decoded images in device memory: both pixel sizes made from one decode."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np

from fastdup_gpu._errors import choose
from fastdup_gpu.gpu import memory
from fastdup_gpu.gpu.headers import Bytes
from fastdup_gpu.gpu.ready import Ready, make_ready, on_host
from fastdup_gpu.protocol import STATS_SIDE, Encoded, Outcome, PixelPlan, Status

_LOG = logging.getLogger("fastdup_gpu")
DECODERS = ("nvimgcodec", "dali")
Name = Literal["nvimgcodec", "dali"]
# Bytes that a decoder needs at most per pixel: the image and its coefficients.
_BYTES_A_PIXEL = 12
_SHARE = 0.15  # of the free memory, for the decoded images of one lane
# Up to this number, asking the driver for the free memory before every batch is not worth it.
_FEW_PIXELS = (1 << 30) // _BYTES_A_PIXEL


@dataclass(frozen=True, slots=True)
class GpuBatch:
    """Device arrays of the images that are OK, in the order of `outcomes`: `model_pixels`
    u8[n, H, W, 3] RGB; `stats_pixels` u8[n, 224, 224, 3] RGB, of which `heights` x `widths`
    (i64[n]) count. `lent`: what the decoders made, kept until the stream was waited for."""

    outcomes: Sequence[Outcome]
    model_pixels: Any
    stats_pixels: Any
    heights: Any
    widths: Any
    lent: list[Any]


class Decoder(Protocol):
    """Encoded JPEGs to device arrays u8[h, w, 3] RGB, upright; None for a bad one.

    The arrays have a `__cuda_array_interface__`, are in order of CuPy's current stream, and may
    be lent until the next call. `most`: how many images a call may have.
    """

    name: str
    most: int

    def decode(self, data: Sequence[Bytes]) -> list[Any]:
        """One entry for each of `data`."""
        ...


class Decoders:
    """The decoder of that name, and nvImageCodec for images that it gives up on.

    nvImageCodec is the default: it was faster than DALI on an H100, and a bad image does not
    affect others.
    """

    def __init__(self, name: Name, device: int, batch_size: int) -> None:
        if name not in DECODERS:
            raise choose("decoder", name, DECODERS)
        self._name, self._device, self._batch_size = name, device, batch_size
        self._opening = threading.Lock()
        self._shared: Decoder | None = None
        self._own = threading.local()

    @property
    def shared(self) -> bool:
        """Whether all threads share one decoder."""
        return self._name != "dali"

    def of_thread(self) -> list[Decoder]:
        """The decoders of the calling thread, in the order in which they are tried; opened at its
        first call."""
        if not hasattr(self._own, "decoders"):
            self._own.decoders = [*self._pipeline(), self._nvimgcodec()]
        found: list[Decoder] = self._own.decoders
        return found

    def _pipeline(self) -> list[Decoder]:
        """DALI's images are valid until its next batch, so every thread has its own pipeline."""
        if self.shared:
            return []
        from fastdup_gpu.gpu.dali import DaliDecoder

        return [DaliDecoder(self._device, self._batch_size)]

    def _nvimgcodec(self) -> Decoder:
        from fastdup_gpu.gpu.nvimg import NvImageDecoder

        with self._opening:
            if self._shared is None:
                self._shared = NvImageDecoder(self._device)
            return self._shared


def decode(
    encoded: Sequence[Encoded], plan: PixelPlan, decoders: Sequence[Decoder], pool: Executor
) -> GpuBatch:
    """Decode one batch; a bad image affects no other. `pool` runs the host's part."""
    import cupy

    ready = list(pool.map(make_ready, encoded, [plan] * len(encoded)))
    batch = decode_ready(ready, plan, decoders)
    cupy.cuda.get_current_stream().synchronize()
    batch.lent.clear()
    return batch


def decode_ready(ready: Sequence[Ready], plan: PixelPlan, decoders: Sequence[Decoder]) -> GpuBatch:
    """The device's part: images that a decoder gives up on go to the next one, at last to the host.

    Waits only for lent images. The batch is in order of CuPy's current stream, which the caller
    waits for before the next call.
    """
    done = list(ready)
    canvas = _Canvas(len(ready), plan)
    waiting = [i for i, one in enumerate(done) if one.data]
    for decoder in decoders:
        waiting = _decode_on_device(done, waiting, decoder, canvas)
    for i in waiting:
        done[i] = on_host(done[i].outcome.index, done[i].data, plan)
    small = [i for i, one in enumerate(done) if one.shrunk is not None]
    canvas.upload(small, [done[i].shrunk for i in small])
    kept = [i for i, one in enumerate(done) if one.outcome.status is Status.OK]
    return canvas.batch([one.outcome for one in done], kept)


def _decode_on_device(
    done: list[Ready], waiting: list[int], decoder: Decoder, canvas: _Canvas
) -> list[int]:
    """Decode the waiting images, a few at a time; returns those that this decoder could not do."""
    failed: list[int] = []
    for part in _groups(done, waiting, decoder.most):
        try:
            canvas.settle()
            pictures = decoder.decode([done[i].data for i in part])
            rows = [i for i, p in zip(part, pictures, strict=True) if p is not None]
            sizes = canvas.draw(rows, [p for p in pictures if p is not None])
        except Exception as error:  # each library has errors of its own for this
            if not memory.is_out_of_memory(error):
                raise
            _LOG.info("GPU memory ran out: %d images are decoded by the CPU", len(part))
            failed += part
            continue
        for i, size in zip(rows, sizes, strict=True):
            done[i] = _decoded(done[i], *size)
        if len(rows) < len(part):
            failed += sorted(set(part).difference(rows))
    return failed


def _decoded(one: Ready, height: int, width: int) -> Ready:
    """With the size that the decoder found, which EXIF orientation may have turned."""
    if (one.outcome.height, one.outcome.width) == (height, width):
        return one
    return replace(one, outcome=replace(one.outcome, width=width, height=height))


def _groups(done: Sequence[Ready], waiting: Sequence[int], most: int) -> Iterator[list[int]]:
    """Groups of at most `most` images that together fit into this lane's share of memory, or a
    single image that does not."""
    if len(waiting) <= most and sum(done[i].pixels for i in waiting) <= _FEW_PIXELS:
        if waiting:
            yield list(waiting)
        return
    room = memory.free_outside_pool() * _SHARE / _BYTES_A_PIXEL
    group: list[int] = []
    taken = 0
    for i in waiting:
        if group and (taken + done[i].pixels > room or len(group) == most):
            yield group
            group, taken = [], 0
        group.append(i)
        taken += done[i].pixels
    if group:
        yield group


class _Canvas:
    """The output arrays of a batch of n, written in any order."""

    def __init__(self, n: int, plan: PixelPlan) -> None:
        import cupy

        self._shape = plan.model_height, plan.model_width
        self._model = cupy.empty((n, *self._shape, 3), np.uint8)
        self._stats = cupy.empty((n, STATS_SIDE, STATS_SIDE, 3), np.uint8)
        self._sizes = cupy.empty((2, n), np.int64)
        self._lent: list[Any] = []

    def settle(self) -> None:
        """Wait until lent images are no longer needed, and release them.

        Not earlier: nvJPEG's hardware writes a new image into their memory at once, even if its
        stream still waits for something (meta-pytorch/torchcodec, pull request 1634).
        """
        import cupy

        if self._lent:
            cupy.cuda.get_current_stream().synchronize()
        self._lent.clear()

    def draw(self, rows: list[int], pictures: list[Any]) -> Sequence[tuple[int, int]]:
        """Resize device images into their rows (ascending); returns (height, width) of each.

        The images are read, and therefore kept, until `settle` or until the stream has finished.
        """
        import cupy

        from fastdup_gpu.kernels.area_resize import area_resize
        from fastdup_gpu.kernels.nearest_exact import nearest_exact
        from fastdup_gpu.kernels.ragged import ragged

        if not rows:
            return ()
        batch = ragged(pictures)
        self._lent.append(batch)
        if rows[-1] - rows[0] == len(rows) - 1:
            part = slice(rows[0], rows[-1] + 1)
            heights, widths = self._sizes
            area_resize(batch, *self._shape, out=self._model[part])
            nearest_exact(batch, STATS_SIDE, (self._stats[part], heights[part], widths[part]))
        else:
            places = cupy.asarray(np.array(rows))
            self._model[places] = area_resize(batch, *self._shape)
            self._stats[places], *sides = nearest_exact(batch, STATS_SIDE)
            self._sizes[0, places], self._sizes[1, places] = sides
        return batch.sizes

    def upload(self, rows: list[int], shrunk: list[Any]) -> None:
        """Put images that the host has shrunk into their rows."""
        import cupy

        if not rows:
            return
        places = cupy.asarray(np.array(rows))
        stats = np.zeros((len(rows), STATS_SIDE, STATS_SIDE, 3), np.uint8)
        for square, small in zip(stats, shrunk, strict=True):
            height, width = small.stats.shape[:2]
            square[:height, :width] = small.stats[:, :, ::-1]
        self._model[places] = cupy.asarray(np.stack([small.model for small in shrunk]))
        self._stats[places] = cupy.asarray(stats)
        sizes = np.array([small.stats.shape[:2] for small in shrunk], np.int64)
        self._sizes[:, places] = cupy.asarray(np.ascontiguousarray(sizes.T))

    def batch(self, outcomes: list[Outcome], kept: list[int]) -> GpuBatch:
        """The rows of the images that are OK."""
        import cupy

        model, stats, sizes = self._model, self._stats, self._sizes
        if len(kept) < len(outcomes):
            places = cupy.asarray(np.array(kept, np.int64))
            model, stats, sizes = model[places], stats[places], sizes[:, places]
        heights, widths = (cupy.ascontiguousarray(side) for side in sizes)
        return GpuBatch(outcomes, model, stats, heights, widths, self._lent)
