"""Index arithmetic past 2^31, in the helpers and in the kernels themselves.

The large arrays are address space only: untouched pages of an anonymous mapping cost nothing, and
just those blocks run whose data lies behind the 2^31st (and 2^32nd) byte or element.
"""

from __future__ import annotations

import mmap

import numpy as np
import pytest
from cuda_on_host import HostKernel, build
from kernel_pictures import natural

from fastdup_gpu.kernels.load import typed
from fastdup_gpu.kernels.nearest_exact import nearest_exact
from fastdup_gpu.kernels.ragged import Ragged
from fastdup_gpu.kernels.row_topk import unpacked

PROBE = """
#include "common.cuh"
extern "C" __global__ void probe(i64* out, i64 a, i64 b, i64 c, i64 d, i64 e) {
  if (threadIdx.x != 255) return;
  out[0] = global_thread();
  out[1] = row_offset(a, b);
  out[2] = pixel_offset(a, b, c, d, e);
  out[3] = pitched_offset(a, b, c);
}
"""


def virtual(shape: tuple[int, ...], dtype: type) -> np.ndarray:
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    try:
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0)
        memory = mmap.mmap(-1, size, flags=flags)
    except (AttributeError, OSError) as error:
        pytest.skip(f"{size >> 30} GiB of address space cannot be had: {error}")
    return np.frombuffer(memory, dtype).reshape(shape)


@pytest.mark.parametrize(
    ("a", "b", "c", "d", "e"),
    [(2**22, 576, 5, 224, 224), (14267, 223, 223, 224, 224), (2**33, 3, 2**20, 7, 9)],
)
def test_helpers(tmp_path, a, b, c, d, e):
    (tmp_path / "probe.cu").write_text(PROBE)
    probe = HostKernel(build(tmp_path, tmp_path / "probe.cu"), "probe")
    out, last = np.zeros(4, np.int64), 2**31 - 2
    probe((2**31 - 1,), (256,), typed((out, a, b, c, d, e)), blocks=range(last, last + 1))
    assert out[0] == last * 256 + 255
    assert out[1] == a * b
    assert out[2] == ((a * d + b) * e + c) * 3
    assert out[3] == a * c + b * 3


def test_a_picture_of_more_than_4_gib(on_host):
    rows, pitch = 300, 2**24
    memory = virtual((rows, pitch), np.uint8)
    picture = memory[:, :750].reshape(rows, 250, 3)
    picture[:] = natural(rows, 250)
    one = [np.array([v], np.int64) for v in (memory.ctypes.data, rows, 250, pitch)]
    got, _, _ = nearest_exact(Ragged(*one, owners=(memory,)))
    steps = 2 * np.arange(224) + 1
    np.testing.assert_array_equal(got[0], picture[steps * rows // 448][:, steps * 250 // 448])


def test_a_batch_of_more_than_4_gib(on_host):
    """The last picture of 30,000, written by area_resize and read by both statistics."""
    n = 30_000
    batch, sizes = virtual((n, 224, 224, 3), np.uint8), np.full(n, 224, np.int64)
    picture = natural(224, 224)
    columns = np.zeros((4, n), np.int64)
    columns[:, -1] = picture.ctypes.data, 224, 224, picture.strides[0]
    blocks = n * 224 * 224 // 256
    run = on_host("area_resize")
    args = typed((*columns, batch, n, 224, 224))
    run((blocks,), (256,), args, blocks=range(blocks - 196, blocks))
    np.testing.assert_array_equal(batch[-1], picture)

    out = np.zeros((n, 18))
    for name in ("pixel_stats", "pixel_stats_advanced"):
        args = typed((batch, sizes, sizes, out, 224, 224, 18))
        on_host(name)((n,), (256,), args, blocks=range(n - 1, n))
    assert out[-1, 2] == pytest.approx(picture.mean(), rel=1e-12)
    np.testing.assert_allclose(out[-1, 15:], picture.mean((0, 1)), rtol=1e-12)
    assert not out[:-1].any()


def test_features_of_more_than_2_to_the_32_elements(on_host):
    n, d, k = 7_500_032, 576, 2
    base = virtual((n, d), np.float32)
    base[-64:] = np.random.default_rng(0).random((64, d), np.float32)
    queries, splits = base[-3:].copy(), n // 64
    distances, ids = virtual((splits, 3, k), np.float32), virtual((splits, 3, k), np.int64)
    args = typed((queries, base, 3, n, d, k, 64, distances, ids))
    on_host("braycurtis_topk")((1, splits), (256,), args, blocks=range(splits - 1, splits))
    np.testing.assert_array_equal(ids[-1, :, 0], np.arange(n - 3, n))
    np.testing.assert_array_equal(distances[-1, :, 0], 0)


def test_neighbours_of_more_than_2_to_the_26_queries(on_host):
    m, n, d, k = 2**26 + 256, 70, 3, 32
    base, queries = np.random.default_rng(1).random((n, d), np.float32), virtual((m, d), np.float32)
    queries[-32:] = base[-32:]
    partial = virtual((1, m, k), np.float32), virtual((1, m, k), np.int64)
    results = virtual((m, k), np.float32), virtual((m, k), np.int64)
    blocks, merge_blocks = m // 32, m * 32 // 256
    args = typed((queries, base, m, n, d, k, 128, *partial))
    on_host("braycurtis_topk")((blocks, 1), (256,), args, range(blocks - 1, blocks))
    args = typed((*partial, m, k, 1, *results))
    run = on_host("braycurtis_topk", "merge_topk")
    run((merge_blocks,), (256,), args, range(merge_blocks - 4, merge_blocks))
    np.testing.assert_array_equal(results[1][-32:, 0], np.arange(n - 32, n))
    np.testing.assert_array_equal(results[0][-32:, 0], 0)


def test_best_of_rows_of_scores(on_host):
    rows, pitch, k = 2**11 + 2, 2**20, 3  # the last row lies behind the 2^31st score
    scores = virtual((rows, pitch), np.float16)
    scores[-1, [7, 2**19, pitch - 1]] = 1, 3, 2
    best = np.zeros((rows, k), np.uint64)
    args = typed((scores, pitch, pitch, 0, k, best))
    on_host("row_topk")((rows,), (256,), args, blocks=range(rows - 1, rows))
    values, places = unpacked(best[-1:])
    assert (values[0].tolist(), places[0].tolist()) == ([3, 2, 1], [2**19, pitch - 1, 7])
