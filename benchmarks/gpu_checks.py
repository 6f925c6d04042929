"""The checks of the smoke run: each yields what it finds, and raises where something is wrong."""

from __future__ import annotations

import importlib.util
import io
import os
import platform
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.data import unit_vectors
from benchmarks.environment import packages
from benchmarks.gpu_pictures import encoded
from benchmarks.gpu_stages import PLAN, packaged_spec
from fastdup_gpu.protocol import Encoded, SearchPlan

Found = dict[str, Any]
_ENTRY = re.compile(r"__global__ void (?:__launch_bounds__\(\w+\)\s*)?(\w+)\(")
# How much is done: rows of a search, pictures of an extraction, batches whose speed is measured.
ROWS, PICTURES, BATCHES = 20_000, 256, 4
_BATCH = 128
_NEEDED = "simplejpeg cv2 PIL pandas jinja2 yaml rich onnx onnxruntime scipy hnswlib pytest".split()


def machine() -> Iterator[Found]:
    """Driver, GPU, packages, and which of the libraries that others open are there."""
    query = "name,driver_version,memory.total,clocks.max.sm,pcie.link.gen.max"
    yield {"gpu": _said("nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader")}
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    yield {"python": platform.python_version(), "packages": packages(), "missing": missing}
    listed = _said("ldconfig", "-p").splitlines()
    wanted = ("nvcuvid", "nvidia-encode", "nvjpeg", "nvJitLink")
    yield {"libraries": [line.strip() for line in listed if any(w in line for w in wanted)]}
    yield {"LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", "")}
    from fastdup_gpu.gpu import probe

    yield {"doctor": [f"{f.name}: {f.found}" for f in probe.check()]}


def kernels() -> Iterator[Found]:
    """Every kernel compiles by NVRTC; the statistics of one picture are the CPU's."""
    cupy = _cupy()
    from fastdup_gpu.kernels import load

    for path in sorted(Path(load.__file__).parent.glob("*.cu")):
        begin = time.perf_counter()
        for entry in _ENTRY.findall(path.read_text(encoding="utf-8")):
            load.kernel(path.stem, entry)
        yield {f"compile {path.stem} s": round(time.perf_counter() - begin, 2)}
    from fastdup_gpu.fallback_cpu.stats import pixel_stats as cpu_stats
    from fastdup_gpu.gpu import stats

    pixels = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    sides = cupy.asarray(np.array([224, 100]))
    ours = stats.pixel_stats(cupy.asarray(pixels), sides, sides, advanced=True).get()
    bgr = [pixels[0, :, :, ::-1], np.ascontiguousarray(pixels[1, :100, :100, ::-1])]
    theirs = cpu_stats(bgr, advanced=True)
    yield {"statistics differ by": float(np.abs(ours - theirs).max())}
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=0.05)


def memory_pool() -> Iterator[Found]:
    """CuPy allocates from the RMM pool, and what is free is told."""
    cupy = _cupy()
    from fastdup_gpu.gpu import memory

    before = memory.free_bytes()
    held = cupy.zeros(1 << 28, np.uint8)
    yield {
        "free GB": round(before / 1e9, 1),
        "held GB": round((before - memory.free_bytes()) / 1e9, 2),
    }
    assert int(held.sum()) == 0


def nvimgcodec() -> Iterator[Found]:
    """Kinds of JPEG against libjpeg, a bad one among them; shares of the hardware, by speed."""
    _cupy()
    from fastdup_gpu.gpu import nvimg
    from fastdup_gpu.gpu.nvimg import NvImageDecoder

    yield from _decoding(NvImageDecoder(0))
    for colors in ("420", "444"):
        yield {f"images/s, {colors}": _speed(NvImageDecoder(0), colors)}
        with patch.object(nvimg, "_backends", return_value=None):
            said = f"images/s, {colors}, decoders as nvImageCodec chooses"
            yield {said: _speed(NvImageDecoder(0), colors)}
    for share in (1.0, 0.8, 0.6, 0.0):
        yield {f"images/s, hardware {share}": _speed(NvImageDecoder(0, hardware=share))}


def dali() -> Iterator[Found]:
    """The same by DALI; a batch that kills the pipeline, and the next one."""
    _cupy()
    from fastdup_gpu.gpu.dali import DaliDecoder

    decoder = DaliDecoder(0, 128)
    yield from _decoding(decoder)
    yield {"a batch with junk": [p is None for p in decoder.decode([_JUNK, encoded(0)])]}
    yield {"the next batch": [p is None for p in decoder.decode([encoded(1), encoded(2)])]}
    for share in (1.0, 0.8, 0.65, 0.0):
        yield {f"images/s, hardware {share}": _speed(DaliDecoder(0, 128, hardware=share))}


def onnxruntime() -> Iterator[Found]:
    """The packaged model on the CUDA provider, on a stream of ours, against the CPU."""
    yield from _engine("onnxruntime")


def tensorrt() -> Iterator[Found]:
    """TensorRT builds and runs the packaged model."""
    yield from _engine("tensorrt")


def tensorrt_rtx() -> Iterator[Found]:
    """TensorRT-RTX: whether it takes this GPU's compute capability."""
    yield from _engine("tensorrt_rtx")


def extraction() -> Iterator[Found]:
    """Pictures through the whole pipeline, bad ones among them, against the CPU backend."""
    from fastdup_gpu.gpu.backend import GpuBackend

    bad = [b"", _JUNK, encoded(3)[:4000], _kinds()["cut, with an end"], _kinds()["png"]]
    data = [*map(encoded, range(PICTURES - len(bad))), *bad]
    items = [Encoded(i, partial(data.__getitem__, i)) for i in range(len(data))]
    ours, seconds = _extracted(GpuBackend(), "auto", items)
    yield {"images/s, first run": round(len(data) / seconds)}
    theirs, _ = _extracted(_cpu(), "onnxruntime", items)
    differ = [
        (one.index, str(one.status), str(two.status))
        for one, two in zip(ours[0], theirs[0], strict=True)
        if one.status is not two.status
    ]
    yield {"status differs": differ}
    assert not differ, differ
    cosines = (ours[1] * theirs[1]).sum(axis=1)
    yield {"least cosine": float(cosines.min()), "mean cosine": float(cosines.mean())}
    far = np.abs(ours[2] - theirs[2]).max(axis=0)
    yield {"largest difference of a statistic": [round(float(f), 4) for f in far]}


def exact_search() -> Iterator[Found]:
    """Our own search; then cuVS's, where 'no kernel image' means that its library was cut."""
    _cupy()
    from fastdup_gpu.gpu import neighbors

    rows = unit_vectors(ROWS, 576)
    found = neighbors.build_index(rows, SearchPlan(mode="flat")).search(rows[:500], 3)
    best = np.argsort(-(rows[:500] @ rows.T), axis=1)[:, :3]
    yield {"same neighbours": float((found.ids == best).mean())}
    assert (found.ids[:, 0] == np.arange(500)).all()
    other = neighbors.build_index(rows, SearchPlan("l1", mode="flat")).search(rows[:500], 3)
    yield {"own row nearest by l1": float((other.ids[:, 0] == np.arange(500)).mean())}
    assert (other.ids[:, 0] == np.arange(500)).all()


def approximate_search() -> Iterator[Found]:
    """Each approximate index: CAGRA's kernels are linked when first run, which needs nvJitLink."""
    _cupy()
    from fastdup_gpu.gpu import neighbors

    rows = unit_vectors(ROWS, 64)
    for mode in ("cagra", "ivf", "ivfpq", "nndescent"):
        index = neighbors.build_index(rows, SearchPlan(mode=mode))
        yield {mode: f"recall {index.search(rows, 5, exclude_self=True).recall:.4f}"}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "nnf.index"
            header = index.save(path)
            yield {f"{mode} saved": list(header)}
            again = neighbors.load_index(path, header, rows, SearchPlan(mode=mode))
            itself = again.search(rows[:500], 5).ids[:, 0] == np.arange(500)
            yield {f"{mode} loaded, finds the rows themselves": float(itself.mean())}


def graphs() -> Iterator[Found]:
    """Components, PageRank and k-means against the CPU's."""
    _cupy()
    from fastdup_gpu.gpu import graph, kmeans

    rng = np.random.default_rng(0)
    n, (sources, targets) = 2_000, rng.integers(0, 2_000, (2, 1_500))
    weights = rng.random(1_500)
    cpu = _cpu()
    same = graph.components(n, sources, targets) == cpu.components(n, sources, targets)
    yield {"components equal": bool(same.all())}
    ranks = graph.pagerank(n, sources, targets, weights) - cpu.pagerank(
        n, sources, targets, weights
    )
    yield {"pagerank differs by": float(np.abs(ranks).max())}
    made = kmeans.kmeans(unit_vectors(ROWS // 4, 64), clusters=20, iterations=10, nearest=2, seed=0)
    yield {"k-means inertia": float(made.distances[:, 0].sum())}
    assert same.all() and np.abs(ranks).max() < 1e-5


def rehearsals() -> Iterator[Found]:
    """Seconds of each first use that a run makes beside other work, where failures are silent."""
    _cupy()
    from fastdup_gpu.gpu import rehearsal
    from fastdup_gpu.gpu.backend import GpuBackend

    acts: dict[str, Callable[[], object]] = {
        "pictures": GpuBackend().rehearse_pictures,
        "search": partial(rehearsal.search, 576),
        "graphs": rehearsal.graphs,
    }
    for name, act in acts.items():
        begin = time.perf_counter()
        act()
        yield {f"{name} s": round(time.perf_counter() - begin, 3)}


CHECKS: dict[str, Callable[[], Iterator[Found]]] = {
    check.__name__: check
    for check in (
        machine, kernels, nvimgcodec, onnxruntime, extraction, exact_search, graphs, dali,
        approximate_search, tensorrt_rtx, memory_pool, tensorrt, rehearsals,
    )
}  # fmt: skip
_JUNK = b"\xff\xd8 no picture \xff\xd9" * 40


def _said(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        return str(error)
    return (done.stdout or done.stderr).strip()


def _cupy() -> Any:
    """CuPy with the device and the pool as the backend opens them."""
    import cupy

    from fastdup_gpu.gpu import memory

    memory.open_device(0)
    return cupy


def _cpu() -> Any:
    from fastdup_gpu.fallback_cpu.backend import CpuBackend

    return CpuBackend()


def _kinds() -> dict[str, bytes]:
    """One picture in every form that tells decoders apart."""
    from PIL import Image

    with Image.open(io.BytesIO(encoded(7))) as image:
        image.load()
    turned = Image.Exif()
    turned[0x0112] = 6

    def saved(what: Image.Image = image, form: str = "JPEG", **options: Any) -> bytes:
        out = io.BytesIO()
        what.save(out, form, **options)
        return out.getvalue()

    whole = saved(quality=90, subsampling=2)
    return {
        "4:4:4": saved(quality=90, subsampling=0),
        "4:2:2": saved(quality=90, subsampling=1),
        "4:2:0": whole,
        "grey": saved(image.convert("L"), quality=90),
        "progressive": saved(quality=90, progressive=True),
        "turned": saved(quality=90, exif=turned),
        "4 megapixels": saved(image.resize((2400, 1700)), quality=90),
        "cut, with an end": whole[: len(whole) // 2] + b"\xff\xd9",
        "without tables": whole.replace(b"\xff\xdb", b"\xff\xfe"),
        "png": saved(form="PNG"),
    }


def _decoding(decoder: Any) -> Iterator[Found]:
    """Of each kind: the mean and largest difference from the CPU's pixels, or None as refused."""
    import cupy

    from fastdup_gpu.pictures import read_picture
    from fastdup_gpu.protocol import Refused

    for name, data in _kinds().items():
        (picture,) = decoder.decode([data])
        try:
            expected = read_picture(data, PLAN)[:, :, ::-1].astype(int)
        except Refused:
            expected = None
        if picture is None or expected is None:
            refused = {"here": picture is None, "by the CPU": expected is None}
            yield {name: f"refused {refused}"}
            continue
        pixels = cupy.asarray(picture).get().astype(int)
        if pixels.shape != expected.shape:
            yield {name: f"shape {pixels.shape}, expected {expected.shape}"}
            continue
        far = np.abs(pixels - expected)
        yield {name: f"mean {far.mean():.3f}, largest {far.max()}"}
    yield {"interface": sorted(decoder.decode([encoded(0)])[0].__cuda_array_interface__)}


def _speed(decoder: Any, colors: str = "420") -> int:
    """Images/s of the second half of some batches."""
    import cupy

    data = [encoded(i, colors) for i in range(_BATCH)]
    seconds = 0.0
    for i in range(2 * BATCHES):
        begin = time.perf_counter()
        decoder.decode(data)
        cupy.cuda.get_current_stream().synchronize()
        seconds += (time.perf_counter() - begin) * (i >= BATCHES)
    return round(BATCHES * _BATCH / seconds)


def _engine(name: str) -> Iterator[Found]:
    cupy = _cupy()
    from fastdup_gpu.gpu.embed import GpuModel

    begin = time.perf_counter()
    model = GpuModel(packaged_spec("gpu", name), 0, _BATCH)
    yield {"opened in s": round(time.perf_counter() - begin, 2), "batch": model.engine.batch}
    cells = model.height // 16
    pixels = np.random.default_rng(0).integers(0, 256, (_BATCH, cells, cells, 3), dtype=np.uint8)
    pixels = pixels.repeat(16, axis=1).repeat(16, axis=2)
    with cupy.cuda.Stream(non_blocking=True):
        given = cupy.asarray(pixels)
        ours = model.embed(given)
        theirs = _cpu().open_model(packaged_spec("gpu", "onnxruntime")).embed(pixels)
        yield {"least cosine": float((ours * theirs).sum(axis=1).min())}
        assert (ours * theirs).sum(axis=1).min() >= 0.999
        begin = time.perf_counter()
        for _ in range(5 * BATCHES):
            model.features(given)
        cupy.cuda.get_current_stream().synchronize()
        spent = time.perf_counter() - begin
        yield {"images/s": round(5 * BATCHES * _BATCH / spent)}


def _extracted(backend: Any, engine: str, items: Sequence[Encoded]) -> tuple[Any, float]:
    """((outcomes, features, statistics), seconds)."""
    model = backend.open_model(packaged_spec("gpu", engine))
    batches = [items[i : i + 64] for i in range(0, len(items), 64)]
    begin = time.perf_counter()
    parts = list(backend.extract(iter(batches), PLAN, model, wanted="basic", threads=8))
    seconds = time.perf_counter() - begin
    outcomes = [outcome for part in parts for outcome in part.outcomes]
    features = np.concatenate([part.features for part in parts])
    return (outcomes, features, np.concatenate([part.stats for part in parts])), seconds
