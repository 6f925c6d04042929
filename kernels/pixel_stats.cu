#include "common.cuh"

constexpr int THREADS = 256;  // also the number of grey levels: at the end thread v handles level v
constexpr int WARPS = THREADS / WARP;
constexpr int BLUE = 2;

// 3x3, 4-neighbour Laplacian of the blue channel, border reflect-101.
__device__ inline i64 laplacian(const u8* image, i64 y, i64 x, i64 height, i64 width, i64 pitch) {
  const u8* blue = image + BLUE;
  const i64 up = reflect_101(y - 1, height), down = reflect_101(y + 1, height);
  const i64 left = reflect_101(x - 1, width), right = reflect_101(x + 1, width);
  return (i64)blue[pitched_offset(up, x, pitch)] + blue[pitched_offset(down, x, pitch)] +
         blue[pitched_offset(y, left, pitch)] + blue[pitched_offset(y, right, pitch)] -
         4 * (i64)blue[pitched_offset(y, x, pitch)];
}

// Population variance times count^2, exact for counts up to 2^20.
__device__ inline i64 scaled_variance(i64 count, i64 sum, i64 squares) {
  return count * squares - sum * sum;
}

// Grid: one block of 256 threads per image. The pixels are read once (the Laplacian's neighbours
// come from the cache); each warp has its own histograms, so that threads do not queue at one
// counter for images of one colour.
extern "C" __global__ void __launch_bounds__(THREADS)
    pixel_stats(const u8* batch, const i64* heights, const i64* widths, double* out, i64 batch_height,
                i64 batch_width, i64 out_columns) {
  __shared__ u32 histogram[WARPS][3][THREADS];
  __shared__ i64 scratch[WARPS];
  const i64 picture = blockIdx.x;
  const int level = threadIdx.x, warp = threadIdx.x / WARP;
  const i64 height = heights[picture], width = widths[picture], pitch = batch_width * 3;
  const u8* image = batch + pixel_offset(picture, 0, 0, batch_height, batch_width);

  for (int w = 0; w < WARPS; ++w)
    for (int c = 0; c < 3; ++c) histogram[w][c][level] = 0;
  __syncthreads();

  i64 edge_sum = 0, edge_squares = 0;
  for (i64 i = threadIdx.x; i < height * width; i += THREADS) {
    const i64 y = i / width, x = i % width;
    const u8* pixel = image + pitched_offset(y, x, pitch);
    for (int c = 0; c < 3; ++c) atomicAdd(&histogram[warp][c][pixel[c]], 1u);
    const i64 edge = laplacian(image, y, x, height, width, pitch);
    edge_sum += edge;
    edge_squares += edge * edge;
  }
  __syncthreads();

  const i64 pixels = height * width;
  i64 total = 0, present = 0;
  double deviations = 0;
  for (int c = 0; c < 3; ++c) {
    i64 count = 0;
    for (int w = 0; w < WARPS; ++w) count += histogram[w][c][level];
    const i64 sum = block_reduce(count * level, scratch, Sum());
    const i64 squares = block_reduce(count * level * level, scratch, Sum());
    deviations += sqrt((double)scaled_variance(pixels, sum, squares)) / pixels;
    total += sum;
    present += count;
  }
  const i64 unique = block_reduce(present > 0, scratch, Sum());
  const i64 low = block_reduce(present > 0 ? level : THREADS - 1, scratch, Min());
  const i64 high = block_reduce(present > 0 ? level : 0, scratch, Max());
  edge_sum = block_reduce(edge_sum, scratch, Sum());
  edge_squares = block_reduce(edge_squares, scratch, Sum());

  if (threadIdx.x != 0) return;
  double* row = out + row_offset(picture, out_columns);
  row[0] = (double)unique;
  row[1] = (double)scaled_variance(pixels, edge_sum, edge_squares) / ((double)pixels * pixels);
  row[2] = (double)total / (3 * pixels);
  row[3] = (double)low;
  row[4] = (double)high;
  row[5] = deviations / 3;
  row[6] = high == 0 ? 0.0 : (double)(high - low) / (high + low);
}
