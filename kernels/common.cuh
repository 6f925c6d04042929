// Types, index helpers and reductions shared by the kernels. No standard headers: NVRTC has none.
#ifndef FASTDUP_GPU_COMMON_CUH
#define FASTDUP_GPU_COMMON_CUH

typedef unsigned char u8;
typedef unsigned int u32;
typedef long long i64;

constexpr u32 ALL_LANES = 0xffffffffu;
constexpr int WARP = 32;

// Index of this thread in a one-dimensional grid; exceeds 2^31 from 8.4 M blocks of 256 on.
__device__ inline i64 global_thread() { return (i64)blockIdx.x * blockDim.x + threadIdx.x; }

// Offset of element (row, 0) of a row-major [rows, length] array.
__device__ inline i64 row_offset(i64 row, i64 length) { return row * length; }

// Offset in bytes of pixel (picture, y, x, channel 0) of a u8 [n, height, width, 3] array.
__device__ inline i64 pixel_offset(i64 picture, i64 y, i64 x, i64 height, i64 width) {
  return ((picture * height + y) * width + x) * 3;
}

// Offset in bytes of pixel (y, x, channel 0) of one RGB image whose rows are pitch bytes apart.
__device__ inline i64 pitched_offset(i64 y, i64 x, i64 pitch) { return y * pitch + x * 3; }

__device__ inline i64 clamp(i64 value, i64 low, i64 high) {
  return value < low ? low : (value > high ? high : value);
}

// Border rule reflect-101 (dcb|abcd|cba) for positions at most one step outside [0, length).
__device__ inline i64 reflect_101(i64 position, i64 length) {
  if (length == 1) return 0;
  if (position < 0) return -position;
  return position < length ? position : 2 * length - 2 - position;
}

struct Sum {
  __device__ i64 operator()(i64 a, i64 b) const { return a + b; }
};
struct Min {
  __device__ i64 operator()(i64 a, i64 b) const { return a < b ? a : b; }
};
struct Max {
  __device__ i64 operator()(i64 a, i64 b) const { return a > b ? a : b; }
};

// Reduction over a one-dimensional block whose size is a multiple of 32; every thread must call it
// and gets the result. scratch: one shared element per warp, free again on return.
template <class Operation>
__device__ inline i64 block_reduce(i64 value, i64* scratch, Operation operation) {
  for (int step = WARP / 2; step > 0; step /= 2)
    value = operation(value, __shfl_xor_sync(ALL_LANES, value, step));
  if (threadIdx.x % WARP == 0) scratch[threadIdx.x / WARP] = value;
  __syncthreads();
  i64 total = scratch[0];
  for (u32 warp = 1; warp < blockDim.x / WARP; ++warp) total = operation(total, scratch[warp]);
  __syncthreads();
  return total;
}

#endif
