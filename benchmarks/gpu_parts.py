"""A stage of the GPU acceptance run: what binds extraction, with its parts timed and left out."""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.gpu_pictures import make_pictures
from benchmarks.gpu_stages import PLAN, THREADS, Setting, opened, packaged_spec
from benchmarks.gpu_timing import Found, row, tried
from fastdup_gpu.protocol import Encoded
from fastdup_gpu.reading import read_file


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to extract; what is not given is as in a run. `at_once`: pictures a decoder is given
    in one call; `model_at_once`: those that the model is, for whose kernels a decoder's wait;
    `threads`: see NvImageDecoder; `options`: more of nvImageCodec's, `own_choice`: of its decoders;
    `by_cpu`: one picture in so many is decoded by the CPU; `multiprocessors`: those that the lanes'
    streams may use; `switch`: seconds after which Python's threads ask for its lock."""

    name: str
    lanes: int = 3
    batch: int = 128
    at_once: int = 0
    model_at_once: int = 0
    threads: int = 4
    options: str = ""
    by_cpu: int = 0
    own_choice: bool = False
    multiprocessors: int = 0
    switch: float = 0.005
    files: bool = True
    collecting: bool = True
    decoding: bool = True
    embedding: bool = True


_ROOM_FIRST = ":preallocate_batch_size=128 :preallocate_width_hint=640 :preallocate_height_hint=512"
VARIANTS = (
    Variant("as in a run"),
    Variant("decoders as nvImageCodec chooses", own_choice=True),
    Variant("threads switch after 0.5 ms", switch=0.0005),
    Variant("without the model", embedding=False),
    Variant("without decoding", decoding=False),
    Variant("a quarter by the CPU", by_cpu=4),
    Variant("a third by the CPU", by_cpu=3),
    Variant("lanes on 64 multiprocessors", multiprocessors=64),
    Variant("lanes on 96 multiprocessors", multiprocessors=96),
    Variant("one stream of the decoder", options=":num_cuda_streams=1"),
    Variant("picture by picture", options=":force_batch_single=1"),
    Variant("room made first", options=_ROOM_FIRST),
    Variant("64 at once", at_once=64),
    Variant("the model 64 at once", model_at_once=64),
    Variant("the model 32 at once", model_at_once=32),
    Variant("without garbage collection", collecting=False),
    Variant("from memory", files=False),
    Variant("batches of 64, 6 lanes", batch=64, lanes=6),
    Variant("2 lanes", lanes=2),
    Variant("5 lanes", lanes=5),
    Variant("8 threads of the decoder", threads=8),
    Variant("without both", decoding=False, embedding=False),
)


def parts(setting: Setting) -> Iterator[Found]:
    """Images/s of the second half of some thousand pictures, and milliseconds of each part."""
    if setting.compute != "gpu":
        return
    folder, count = setting.scratch / "pictures", setting.size(16_000, 80)
    make_pictures(folder, count)
    paths = [str(folder / f"{i:06d}.jpg") for i in range(count)]
    for variant in VARIANTS:
        yield tried(f"extract {variant.name}", partial(_measured, setting, variant, paths))


def _measured(setting: Setting, variant: Variant, paths: list[str]) -> Found:
    backend: Any = opened(setting)
    backend.batch_size = setting.size(variant.batch, 4)
    at_once = setting.size(variant.model_at_once or variant.batch, 4)
    model = backend.open_model(packaged_spec("gpu", "auto"), batch_size=at_once)
    items = list(map(partial(_item, files=variant.files), range(len(paths)), paths))
    batches = [items[i : i + backend.batch_size] for i in range(0, len(items), backend.batch_size)]
    watch = Stopwatch()
    with _applied(variant, watch):
        extracted = backend.extract(iter(batches), PLAN, model, wanted="basic", threads=THREADS)
        for _ in range(len(batches) // 2):
            next(extracted)
        watch.spent.clear()
        begin = time.perf_counter()
        done = sum(len(result.outcomes) for result in extracted)
        spent = time.perf_counter() - begin
    return row(f"extract {variant.name}", done, spent, "images/s", watch.told())


def _item(index: int, path: str, *, files: bool) -> Encoded:
    if files:
        return Encoded(index, partial(read_file, path), path)
    data = read_file(path)
    return Encoded(index, lambda: data)


class Stopwatch:
    """Seconds of calls, by name, of all threads."""

    def __init__(self) -> None:
        self.spent: dict[str, list[float]] = {}
        self._lock = threading.Lock()

    def around(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """`work`, timed."""

        def timed(*args: Any, **kwargs: Any) -> Any:
            begin = time.perf_counter()
            try:
                return work(*args, **kwargs)
            finally:
                with self._lock:
                    self.spent.setdefault(name, []).append(time.perf_counter() - begin)

        return timed

    def told(self) -> str:
        """The median of each in milliseconds."""
        found = ((name, 1e3 * float(np.median(s))) for name, s in sorted(self.spent.items()))
        return "ms a call: " + ", ".join(f"{name} {ms:.2f}" for name, ms in found)


def _some_by_the_cpu(vetted: Callable[..., Any], every: int) -> Callable[..., Any]:
    """`vetted` with one file in `every` decoded by the CPU: by its size, so that equal files are
    decoded alike."""
    from fastdup_gpu.gpu.ready import on_host

    def chosen(index: int, load: Callable[[], Any], plan: Any) -> Any:
        data, header = load()
        if len(data) % every == 0:
            return on_host(index, data, plan)
        return vetted(index, lambda: (data, header), plan)

    return chosen


def _streams_on(multiprocessors: int) -> Callable[..., Any]:
    """Makes streams that use so many of the GPU's multiprocessors (a green context), so that what
    runs on others, as nvImageCodec's do, has the rest to itself."""
    import cupy
    from cuda.bindings import driver

    def done(result: Any) -> Any:
        if int(result[0]):
            raise RuntimeError(str(result[0]))
        return result[1] if len(result) == 2 else result[1:]

    device = done(driver.cuDeviceGet(0))
    kind = driver.CUdevResourceType.CU_DEV_RESOURCE_TYPE_SM
    whole = done(driver.cuDeviceGetDevResource(device, kind))
    parts, *_ = done(driver.cuDevSmResourceSplitByCount(1, whole, 0, multiprocessors))
    described = done(driver.cuDevResourceGenerateDesc(parts, 1))
    flag = driver.CUgreenCtxCreate_flags.CU_GREEN_CTX_DEFAULT_STREAM
    green = done(driver.cuGreenCtxCreate(described, device, flag))

    def stream(**_: Any) -> Any:
        return cupy.cuda.ExternalStream(int(done(driver.cuGreenCtxStreamCreate(green, 1, 0))))

    return stream


@contextmanager
def _applied(variant: Variant, watch: Stopwatch) -> Iterator[None]:
    """The backend changed as the variant wants it, its parts timed."""
    from fastdup_gpu.gpu import backend, decode, embed, lanes, nvimg, readers, ready

    nothing: dict[int, Any] = {}

    def undecoded(self: Any, data: Any) -> Any:
        import cupy

        if len(data) not in nothing:
            nothing[len(data)] = [cupy.zeros((400, 500, 3), np.uint8) for _ in data]
        return list(nothing[len(data)])

    def unembedded(self: Any, pixels: Any) -> Any:
        import cupy

        return cupy.zeros((len(pixels), self.dim), np.float32)

    changes: list[tuple[Any, str, Any]] = [(lanes, "LANES", variant.lanes)]
    if variant.options:
        changes.append((nvimg, "_OPTIONS", f"{nvimg._OPTIONS} {variant.options}"))
    if variant.own_choice:
        changes.append((nvimg, "_backends", lambda *_: None))
    if variant.by_cpu:
        changes.append((readers, "vetted", _some_by_the_cpu(ready.vetted, variant.by_cpu)))
    if variant.multiprocessors:
        import cupy

        changes.append((cupy.cuda, "Stream", _streams_on(variant.multiprocessors)))
    if variant.at_once:
        changes.append((nvimg.NvImageDecoder, "most", variant.at_once))
    if not variant.decoding:
        changes.append((nvimg.NvImageDecoder, "decode", undecoded))
    if not variant.embedding:
        changes.append((embed.GpuModel, "features", unembedded))
    timed: tuple[tuple[Any, str], ...] = (
        (backend.GpuBackend, "_extract"), (nvimg.NvImageDecoder, "decode"),
        (nvimg.NvImageDecoder, "decode_now"),
        (decode._Canvas, "draw"), (embed.GpuModel, "features"), (backend, "fetched"),
        (readers.Readers, "_make"),
    )  # fmt: skip
    switch = sys.getswitchinterval()
    options = nvimg.NvImageDecoder.__init__.__kwdefaults__
    with ExitStack() as stack:
        stack.enter_context(patch.dict(options, {"threads": variant.threads}))
        for owner, name, value in changes:
            stack.enter_context(patch.object(owner, name, value))
        for owner, name in timed:
            work = watch.around(name, getattr(owner, name))
            stack.enter_context(patch.object(owner, name, work))
        stack.callback(sys.setswitchinterval, switch)
        sys.setswitchinterval(variant.switch)
        if not variant.collecting:
            stack.callback(gc.enable)
            gc.disable()
        yield
