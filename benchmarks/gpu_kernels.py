"""Our kernels beside the shortest that CuPy alone has for the same, results held together first.

A kernel earns its place by the factor between the two; `python -m benchmarks.gpu_acceptance
--stages kernels` writes it down.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from benchmarks.gpu_stages import MODEL_SIDE, Setting
from benchmarks.gpu_timing import Found, row

SIDE = 224
_LOOPS, _ROUNDS = 3, 5


@dataclass(frozen=True, slots=True)
class Case:
    """`ours` and `theirs` make the same arrays of `size` things; `baseline` says by what.

    `apart`: how far the results may lie from one another, absolute, and relative to the size.
    """

    name: str
    size: int
    baseline: str
    ours: Callable[[], Sequence[Any]]
    theirs: Callable[[], Sequence[Any]]
    apart: tuple[float, float]


def kernels(setting: Setting) -> Iterator[Found]:
    """Every kernel; raises RuntimeError where one and its baseline differ too much."""
    if setting.compute != "gpu":
        yield row("kernels", 0, 0, "", "not on a CPU")
        return
    for case in cases(setting.small):
        difference = _held_together(case)
        ours, theirs = _seconds(case.ours), _seconds(case.theirs)
        note = f"CuPy's `{case.baseline}`: {theirs:.4g} s; results within {difference:.2g}"
        found = row(f"kernel {case.name}", case.size, ours, "times as fast as CuPy", note, theirs)
        yield found | {"seconds": float(f"{ours:.4g}")}


def cases(small: bool) -> Iterator[Case]:
    """Each with data of its own, made on the device from a seed."""
    rng = np.random.default_rng(0)
    yield _braycurtis(rng, *((6, 150, 20) if small else (256, 100_000, 576)))
    yield _row_topk(rng, *((5, 4_000, 7) if small else (2048, 131_072, 33)))
    pictures = _pictures(rng, 3 if small else 128, 90 if small else 400)
    yield _area(pictures)
    yield _nearest(pictures)
    squares = _uploaded(rng.integers(0, 256, (2 if small else 512, SIDE, SIDE, 3), np.uint8))
    yield _stats(squares)
    yield _stats_advanced(squares)


def _braycurtis(rng: np.random.Generator, m: int, n: int, d: int) -> Case:
    from fastdup_gpu.kernels.braycurtis_topk import braycurtis_topk

    k = 10
    queries, base = (_uploaded(rng.random((rows, d), np.float32)) for rows in (m, n))

    def theirs() -> Sequence[Any]:
        import cupy

        found = cupy.empty((m, k), np.float32)
        for i in range(m):  # a query at a time: n x d temporaries
            q = queries[i]
            far = cupy.abs(q - base).sum(axis=1) / cupy.abs(q + base).sum(axis=1)
            found[i] = cupy.sort(far)[:k]
        return (found,)

    text = "abs(q - b).sum(1) / abs(q + b).sum(1), sort"
    return Case(
        "braycurtis_topk", m, text, lambda: braycurtis_topk(queries, base, k)[:1], theirs, (0, 1e-5)
    )


def _row_topk(rng: np.random.Generator, m: int, n: int, k: int) -> Case:
    from fastdup_gpu.kernels.row_topk import row_topk, unpacked

    scores = _uploaded(rng.standard_normal((m, n), np.float32).astype(np.float16))

    def ours() -> Sequence[Any]:
        import cupy

        best = cupy.zeros((m, k), np.uint64)
        row_topk(scores, n, 0, best)
        return unpacked(best)[:1]

    def theirs() -> Sequence[Any]:
        import cupy

        return (-cupy.sort(cupy.partition(-scores, k - 1, axis=1)[:, :k], axis=1),)

    return Case("row_topk", m, "partition(-scores, k - 1), sort", ours, theirs, (0, 0))


def _area(pictures: list[Any]) -> Case:
    from fastdup_gpu.kernels.area_resize import area_resize
    from fastdup_gpu.kernels.ragged import ragged

    batch, side = ragged(pictures), MODEL_SIDE
    weights = [[_uploaded(_overlaps(n, side)) for n in p.shape[:2]] for p in pictures]

    def theirs() -> Sequence[Any]:
        import cupy

        out = cupy.empty((len(pictures), side, side, 3), np.uint8)
        for i, (picture, (down, across)) in enumerate(zip(pictures, weights, strict=True)):
            rows = cupy.tensordot(down, picture.astype(np.float32), axes=1)
            cells = cupy.tensordot(across, rows, axes=([1], [1])).transpose(1, 0, 2)
            out[i] = cupy.rint(cells)
        return (out,)

    text = "two tensordots a picture"
    return Case(
        "area_resize",
        len(pictures),
        text,
        lambda: (area_resize(batch, side, side),),
        theirs,
        (1, 0),
    )


def _nearest(pictures: list[Any]) -> Case:
    from fastdup_gpu.kernels.nearest_exact import nearest_exact
    from fastdup_gpu.kernels.ragged import ragged

    batch = ragged(pictures)
    steps = 2 * np.arange(SIDE) + 1
    places = [[_uploaded(steps * n // (2 * SIDE)) for n in p.shape[:2]] for p in pictures]

    def theirs() -> Sequence[Any]:
        import cupy

        taken = zip(pictures, places, strict=True)
        return (cupy.stack([p[rows[:, None], columns[None, :]] for p, (rows, columns) in taken]),)

    text = "picture[rows, columns], a picture at a time"
    return Case(
        "nearest_exact", len(pictures), text, lambda: nearest_exact(batch, SIDE)[:1], theirs, (0, 0)
    )


def _stats(squares: Any) -> Case:
    """In float64 from the start: CuPy 14.2's std of whole numbers rounds their mean down."""
    from fastdup_gpu.kernels.pixel_stats import pixel_stats

    whole = _uploaded(np.full(len(squares), SIDE))

    def theirs() -> Sequence[Any]:
        import cupy

        n = len(squares)
        flat = squares.reshape(n, -1)
        counts = cupy.bincount(
            (flat + 256 * cupy.arange(n)[:, None]).ravel(), minlength=256 * n
        ).reshape(n, 256)
        low, high = (a.astype(np.float64) for a in (flat.min(axis=1), flat.max(axis=1)))
        deviation = squares.astype(np.float64).std(axis=(1, 2)).mean(axis=1)
        columns = (
            (counts > 0).sum(axis=1),
            _laplacian(squares[..., 2]).var(axis=(1, 2)),
            flat.mean(axis=1, dtype=np.float64),
            low,
            high,
            deviation,
            (high - low) / cupy.maximum(high + low, 1),
        )
        return (cupy.stack([c.astype(np.float64) for c in columns], axis=1),)

    text = "bincount, mean, min, max, std, slices for the Laplacian"
    return Case(
        "pixel_stats",
        len(squares),
        text,
        lambda: (pixel_stats(squares, whole, whole),),
        theirs,
        (0, 1e-9),
    )


def _stats_advanced(squares: Any) -> Case:
    """Without the edges, for which CuPy has nothing short: what is timed for it is less work."""
    from fastdup_gpu.kernels.pixel_stats_advanced import pixel_stats_advanced

    whole = _uploaded(np.full(len(squares), SIDE))

    def ours() -> Sequence[Any]:
        found = pixel_stats_advanced(squares, whole, whole)
        return found[:, 7:11], found[:, 13], found[:, 15:]

    def theirs() -> Sequence[Any]:
        import cupy

        means = squares.mean(axis=(1, 2), dtype=np.float64)
        spread = squares.astype(np.float64).std(axis=(1, 2))
        contrast = cupy.sqrt(((spread / means) ** 2).mean(axis=1))
        share = means / means.mean(axis=1, keepdims=True)
        basic = cupy.stack([contrast, share[:, 0], share[:, 2], share[:, 1]], axis=1)
        high, low = squares.max(axis=3).astype(np.float32), squares.min(axis=3)
        _hue_and_saturation(squares.astype(np.float32), high, high - low)
        return basic, high.mean(axis=(1, 2), dtype=np.float64), means

    text = "mean, std, HSV in float32; no edges"
    return Case("pixel_stats_advanced", len(squares), text, ours, theirs, (0, 1e-9))


def _hue_and_saturation(pixels: Any, high: Any, range_: Any) -> Any:
    """Their means; in float32 they differ from OpenCV's whole numbers, so they are only timed."""
    import cupy

    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    step = cupy.where(range_ > 0, range_, np.float32(1))
    sector = cupy.where(
        high == red,
        (green - blue) / step,
        cupy.where(high == green, (blue - red) / step + 2, (red - green) / step + 4),
    )
    hue = cupy.where(sector < 0, sector + 6, sector) * 30
    return hue.mean(axis=(1, 2)), (255 * range_ / cupy.maximum(high, 1)).mean(axis=(1, 2))


def _laplacian(channel: Any) -> Any:
    import cupy

    padded = cupy.pad(channel.astype(np.float64), ((0, 0), (1, 1), (1, 1)), mode="reflect")
    middle = padded[:, 1:-1, 1:-1]
    around = padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1]
    return around + padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:] - 4 * middle


def _overlaps(source: int, target: int) -> Any:
    """f32[target, source]: the share of each source cell in each output cell."""
    edges = np.arange(target + 1) * source / target
    cells = np.arange(source)
    low = np.maximum(edges[:-1, None], cells[None, :])
    high = np.minimum(edges[1:, None], cells[None, :] + 1)
    return (np.maximum(high - low, 0) * target / source).astype(np.float32)


def _pictures(rng: np.random.Generator, n: int, side: int) -> list[Any]:
    """Sides from `side` up, at least those of the outputs, none a multiple of 64 (ties)."""
    sizes = [(max(side, 227) + 7 * (i % 11), max(side, 227) + 100 - 9 * (i % 5)) for i in range(n)]
    free = [[s + 1 if s % 64 == 0 else s for s in size] for size in sizes]
    return [_uploaded(rng.integers(0, 256, (*size, 3), np.uint8)) for size in free]


def _uploaded(array: Any) -> Any:
    import cupy

    return cupy.asarray(array)


def _held_together(case: Case) -> float:
    import cupy

    absolute, relative = case.apart
    worst = 0.0
    for ours, theirs in zip(case.ours(), case.theirs(), strict=True):
        one, other = (cupy.asnumpy(a).astype(np.float64) for a in (ours, theirs))
        gap = np.abs(one - other)
        worst = max(worst, float(gap.max()))
        if not (gap <= absolute + relative * np.abs(other)).all():
            raise RuntimeError(f"{case.name} and `{case.baseline}` differ by up to {gap.max():g}")
    return worst


def _seconds(work: Callable[[], object]) -> float:
    """The median of a few rounds, after one that compiles and warms up."""
    import cupy

    wait = cupy.cuda.get_current_stream().synchronize
    spent = []
    for _ in range(_ROUNDS + 1):
        wait()
        begin = time.perf_counter()
        for _ in range(_LOOPS):
            work()
        wait()
        spent.append((time.perf_counter() - begin) / _LOOPS)
    return median(spent[1:])
