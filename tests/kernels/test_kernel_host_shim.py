"""The shim must show the mistakes that it is there to show."""

from __future__ import annotations

import numpy as np
import pytest
from cuda_on_host import HostKernel, build

SOURCE = """
#include "common.cuh"
extern "C" __global__ void shift(i64* out, i64 with_barrier) {
  __shared__ i64 line[64];
  line[threadIdx.x] = threadIdx.x;
  if (with_barrier) __syncthreads();
  out[threadIdx.x] = line[(threadIdx.x + 1) % 64];
}
extern "C" __global__ void diverge(i64* out) {
  if (threadIdx.x < 40) __syncthreads();
  out[threadIdx.x] = 1;
}
extern "C" __global__ void uninitialised(i64* out) {
  __shared__ i64 value;
  if (threadIdx.x != 0) return;
  out[blockIdx.x] = value;
  value = 5;
}
extern "C" __global__ void overflow(i64* out, int rows, int length) { out[0] = rows * length; }
extern "C" __global__ void reduce(i64* out) {
  __shared__ i64 scratch[2];
  const i64 i = threadIdx.x;
  const i64 sum = block_reduce(i, scratch, Sum()), low = block_reduce(i - 9, scratch, Min());
  out[i] = sum * 1000 + block_reduce(i, scratch, Max()) - low;
}
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shim")
    (folder / "broken.cu").write_text(SOURCE)
    return build(folder, folder / "broken.cu")


def both_orders(library, name, *args, grid=1):
    results = []
    for reverse in (False, True):
        out = np.zeros(64, np.int64)
        HostKernel(library, name, reverse=reverse)((grid,), (64,), (out, *args))
        results.append(out)
    return results


def test_a_missing_barrier_changes_the_result_with_the_order(library):
    forward, reverse = both_orders(library, "shift", np.int64(0))
    assert (forward != reverse).any()


def test_a_barrier_makes_both_orders_right(library):
    for out in both_orders(library, "shift", np.int64(1)):
        np.testing.assert_array_equal(out, (np.arange(64) + 1) % 64)


def test_a_divergent_barrier_is_reported(library):
    with pytest.raises(RuntimeError, match="wait at a barrier"):
        both_orders(library, "diverge")


def test_shared_memory_is_not_kept_between_blocks(library):
    for out in both_orders(library, "uninitialised", grid=2):
        assert out[0] == out[1] != 5


def test_32_bit_overflow_is_reported(library):
    with pytest.raises(RuntimeError, match="signed overflow"):
        both_orders(library, "overflow", np.int32(2**22), np.int32(576))


def test_reductions(library):
    for out in both_orders(library, "reduce"):
        assert (out == 63 * 64 // 2 * 1000 + 63 + 9).all()


def test_arguments_of_the_wrong_width_are_refused(library):
    with pytest.raises(RuntimeError, match="arguments"):
        both_orders(library, "shift", np.int32(1))
