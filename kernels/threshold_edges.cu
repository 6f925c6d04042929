#include "common.cuh"

// False for nan scores and for the padding id -1.
__device__ inline bool is_edge(i64 id, float score, float threshold) {
  return id >= 0 && score >= threshold;
}

// Grid of both kernels: one thread per row, blocks of 256.
extern "C" __global__ void count_edges(const i64* ids, const float* scores, float threshold, i64 n,
                                       i64 k, i64* counts) {
  const i64 row = global_thread();
  if (row >= n) return;
  const i64 begin = row_offset(row, k);
  i64 count = 0;
  for (i64 j = begin; j < begin + k; ++j) count += is_edge(ids[j], scores[j], threshold);
  counts[row] = count;
}

// starts: exclusive prefix sum of the counts.
extern "C" __global__ void write_edges(const i64* ids, const float* scores, float threshold, i64 n,
                                       i64 k, const i64* starts, i64* sources, i64* targets,
                                       float* weights) {
  const i64 row = global_thread();
  if (row >= n) return;
  const i64 begin = row_offset(row, k);
  i64 edge = starts[row];
  for (i64 j = begin; j < begin + k; ++j) {
    if (!is_edge(ids[j], scores[j], threshold)) continue;
    sources[edge] = row;
    targets[edge] = ids[j];
    weights[edge] = scores[j];
    ++edge;
  }
}
