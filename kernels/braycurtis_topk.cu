#include "common.cuh"

constexpr int THREADS = 256, WARPS = THREADS / WARP;
constexpr int QUERIES = 32, BASE = 64;  // a tile of distances
constexpr int DEPTH = 16;               // columns held in shared memory at a time
constexpr int SIDE = 16;                // the block as 16 x 16 threads, each with 2 x 4 distances
constexpr int PER_QUERY = QUERIES / SIDE, PER_BASE = BASE / SIDE;
constexpr i64 NO_ID = 0x7fffffffffffffffLL;  // sorts after every id

struct Tiles {
  float a[DEPTH][QUERIES + 1], b[DEPTH][BASE + 1];  // transposed; one column more, against bank conflicts
  float distance[QUERIES][BASE];
};

// One place of a sorted top-32 list that is spread over a warp, one place per lane.
struct Best {
  float distance;
  i64 id;
};

__device__ inline Best nothing() { return {__int_as_float(0x7f800000), NO_ID}; }  // +inf

__device__ inline bool before(const Best& a, const Best& b) {
  return a.distance < b.distance || (a.distance == b.distance && a.id < b.id);
}

// Every lane offers one candidate to the warp's list, of which the first k places count.
__device__ inline void offer(Best& mine, const Best& candidate, bool valid, int k) {
  const int lane = threadIdx.x % WARP;
  const Best worst = {__shfl_sync(ALL_LANES, mine.distance, k - 1),
                      __shfl_sync(ALL_LANES, mine.id, k - 1)};
  u32 pending = __ballot_sync(ALL_LANES, valid && before(candidate, worst));
  for (; pending != 0; pending &= pending - 1) {
    const int from = __ffs(pending) - 1;
    const Best next = {__shfl_sync(ALL_LANES, candidate.distance, from),
                       __shfl_sync(ALL_LANES, candidate.id, from)};
    const int place = __popc(__ballot_sync(ALL_LANES, before(mine, next)));
    const Best moved = {__shfl_up_sync(ALL_LANES, mine.distance, 1),
                        __shfl_up_sync(ALL_LANES, mine.id, 1)};
    if (lane == place) mine = next;
    if (lane > place) mine = moved;
  }
}

// ROWS x DEPTH values from column `left` on, transposed; zeros outside, which do not change sums.
template <int ROWS>
__device__ inline void load_tile(float (&tile)[DEPTH][ROWS + 1], const float* array, i64 first,
                                 i64 end, i64 left, i64 d) {
  for (int i = threadIdx.x; i < ROWS * DEPTH; i += THREADS) {
    const i64 row = first + i / DEPTH, column = left + i % DEPTH;
    const bool inside = row < end && column < d;
    tile[i % DEPTH][i / DEPTH] = inside ? array[row_offset(row, d) + column] : 0.0f;
  }
}

__device__ inline float quotient(float difference, float sum) {
  return difference == 0.0f && sum == 0.0f ? 0.0f : difference / sum;
}

// Writes the distances of QUERIES queries to BASE rows from `first` on to shared memory.
__device__ inline void distance_tile(Tiles& tiles, const float* queries, const float* base,
                                     i64 query, i64 m, i64 first, i64 end, i64 d) {
  const int column = threadIdx.x % SIDE, row = threadIdx.x / SIDE;
  float difference[PER_QUERY][PER_BASE] = {}, sum[PER_QUERY][PER_BASE] = {};
  for (i64 left = 0; left < d; left += DEPTH) {
    load_tile<QUERIES>(tiles.a, queries, query, m, left, d);
    load_tile<BASE>(tiles.b, base, first, end, left, d);
    __syncthreads();
    for (int k = 0; k < DEPTH; ++k)
      for (int i = 0; i < PER_QUERY; ++i)
        for (int j = 0; j < PER_BASE; ++j) {
          const float u = tiles.a[k][row + i * SIDE], v = tiles.b[k][column + j * SIDE];
          difference[i][j] += fabsf(u - v);
          sum[i][j] += fabsf(u + v);
        }
    __syncthreads();
  }
  for (int i = 0; i < PER_QUERY; ++i)
    for (int j = 0; j < PER_BASE; ++j)
      tiles.distance[row + i * SIDE][column + j * SIDE] = quotient(difference[i][j], sum[i][j]);
  __syncthreads();
}

// Grid: (ceil(m / 32), splits) blocks of 256; block (q, s) compares 32 queries with the base rows
// from s * rows_per_split on and writes its own top k to [splits, m, k].
extern "C" __global__ void __launch_bounds__(THREADS)
    braycurtis_topk(const float* queries, const float* base, i64 m, i64 n, i64 d, i64 k,
                    i64 rows_per_split, float* distances, i64* ids) {
  __shared__ Tiles tiles;
  const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
  const i64 query = (i64)blockIdx.x * QUERIES, begin = blockIdx.y * rows_per_split;
  const i64 end = min(begin + rows_per_split, n);
  Best best[QUERIES / WARPS];
  for (Best& place : best) place = nothing();

  for (i64 first = begin; first < end; first += BASE) {
    distance_tile(tiles, queries, base, query, m, first, end, d);
    for (int q = 0; q < QUERIES / WARPS; ++q)
      for (int column = lane; column < BASE; column += WARP) {
        const int row = warp * (QUERIES / WARPS) + q;
        const i64 id = first + column;
        offer(best[q], {tiles.distance[row][column], id}, id < end, (int)k);
      }
  }
  for (int q = 0; q < QUERIES / WARPS; ++q) {
    const i64 row = query + warp * (QUERIES / WARPS) + q;
    if (row >= m || lane >= k) continue;
    const i64 place = row_offset(blockIdx.y * m + row, k) + lane;
    distances[place] = best[q].distance;
    ids[place] = best[q].id;
  }
}

// Grid: one warp per query, blocks of 256. Merges the splits; free places get id -1 and nan.
extern "C" __global__ void merge_topk(const float* distances, const i64* ids, i64 m, i64 k,
                                      i64 splits, float* out_distances, i64* out_ids) {
  const i64 row = global_thread() / WARP;
  const int lane = threadIdx.x % WARP;
  if (row >= m) return;
  Best best = nothing();
  for (i64 split = 0; split < splits; ++split) {
    const i64 place = row_offset(split * m + row, k) + lane;
    const bool valid = lane < k;
    offer(best, valid ? Best{distances[place], ids[place]} : nothing(), valid, (int)k);
  }
  if (lane >= k) return;
  const bool found = best.id != NO_ID;
  out_distances[row_offset(row, k) + lane] = found ? best.distance : nanf("");
  out_ids[row_offset(row, k) + lane] = found ? best.id : -1;
}
