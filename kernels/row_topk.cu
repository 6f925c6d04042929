#include "common.cuh"

constexpr int THREADS = 256;
constexpr int EIGHT = 8;                // scores of one load of 16 bytes
constexpr int ROUND = THREADS * EIGHT;  // scores that a block looks at between two barriers
constexpr int ROOM = 2 * ROUND;         // keys held: the best so far, and those that may be better

typedef unsigned short u16;
typedef unsigned long long u64;

struct alignas(16) Eight {
  u16 bits[EIGHT];
};

// fp16 as a number with the same order as the scores; above 0 except for a negative nan.
__device__ inline u32 ordered(u16 bits) {
  return bits & 0x8000u ? 0xffffu ^ bits : 0x8000u | bits;
}

// Larger is better: first by score, then by smaller place. 0 means nothing.
__device__ inline u64 key_of(u32 order, i64 place) {
  return (u64)order << 32 | (0xffffffffu - (u32)place);
}

// Bitonic sort, largest first; size is a power of two.
__device__ inline void sort_falling(u64* keys, int size) {
  for (int run = 2; run <= size; run *= 2)
    for (int step = run / 2; step > 0; step /= 2) {
      for (int i = threadIdx.x; i < size / 2; i += THREADS) {
        const int low = 2 * i - i % step, high = low + step;
        const bool falling = (low & run) == 0;
        const u64 a = keys[low], b = keys[high];
        if ((a < b) == falling) {
          keys[low] = b;
          keys[high] = a;
        }
      }
      __syncthreads();
    }
}

// Brings the k best of `held` keys to the front, k <= held; every thread must call it.
__device__ inline void settle(u64* keys, u32* used, int held, int k) {
  int size = 2;
  while (size < held) size *= 2;
  for (int i = held + threadIdx.x; i < size; i += THREADS) keys[i] = 0;
  __syncthreads();
  sort_falling(keys, size);
  if (threadIdx.x == 0) *used = k;
  __syncthreads();
}

__device__ inline Eight load_eight(const u16* row, i64 column, i64 pitch) {
  return column < pitch ? *(const Eight*)(row + column) : Eight{};
}

// Grid: one block of 256 per row of scores. best[m, k]: the keys of earlier columns, largest first,
// 0 where there is none; they are read and written back. A thread loads the next 16 bytes while it
// compares the current ones.
extern "C" __global__ void __launch_bounds__(THREADS)
    row_topk(const u16* scores, i64 pitch, i64 columns, i64 first, i64 k, u64* best) {
  __shared__ u64 keys[ROOM];
  __shared__ u32 used;
  const u16* row = scores + row_offset(blockIdx.x, pitch);
  u64* mine = best + row_offset(blockIdx.x, k);
  for (int i = threadIdx.x; i < k; i += THREADS) keys[i] = mine[i];
  if (threadIdx.x == 0) used = (u32)k;
  __syncthreads();

  u32 bar = (u32)(keys[k - 1] >> 32);  // of equal scores the earlier place wins
  i64 column = threadIdx.x * EIGHT;
  Eight ahead = load_eight(row, column, pitch);
  for (i64 left = 0; left < columns; left += ROUND, column += ROUND) {
    const Eight eight = ahead;
    ahead = load_eight(row, column + ROUND, pitch);
    for (int i = 0; i < EIGHT; ++i) {
      const u32 order = ordered(eight.bits[i]);
      if (order > bar && column + i < columns)
        keys[atomicAdd(&used, 1u)] = key_of(order, first + column + i);
    }
    __syncthreads();
    const int held = (int)used;
    __syncthreads();
    if (held > ROOM - ROUND) {
      settle(keys, &used, held, (int)k);
      bar = (u32)(keys[k - 1] >> 32);
    }
  }
  settle(keys, &used, (int)used, (int)k);
  for (int i = threadIdx.x; i < k; i += THREADS) mine[i] = keys[i];
}
