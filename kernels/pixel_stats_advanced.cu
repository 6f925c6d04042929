#include "common.cuh"
#include "hsv.cuh"
#include "canny.cuh"

constexpr int COLUMN = 7;  // the first seven columns are pixel_stats'

// Grid: one block of 256 threads per image, images up to 224 x 224.
extern "C" __global__ void __launch_bounds__(CANNY_THREADS)
    pixel_stats_advanced(const u8* batch, const i64* heights, const i64* widths, double* out,
                         i64 batch_height, i64 batch_width, i64 out_columns) {
  __shared__ CannyScratch canny;
  __shared__ HsvTables tables;
  __shared__ i64 scratch[CANNY_THREADS / WARP];
  const i64 picture = blockIdx.x, height = heights[picture], width = widths[picture];
  const i64 pixels = height * width, pitch = batch_width * 3;
  const u8* image = batch + pixel_offset(picture, 0, 0, batch_height, batch_width);

  hsv_fill(tables, threadIdx.x);
  __syncthreads();
  i64 sum[3] = {0, 0, 0}, squares[3] = {0, 0, 0}, hsv[3] = {0, 0, 0};
  for (i64 i = threadIdx.x; i < pixels; i += CANNY_THREADS) {
    const u8* rgb = image + pitched_offset(i / width, i % width, pitch);
    for (int c = 0; c < 3; ++c) {
      sum[c] += rgb[c];
      squares[c] += rgb[c] * rgb[c];
    }
    const Hsv colour = hsv_of(rgb[0], rgb[1], rgb[2], tables);
    hsv[0] += colour.hue;
    hsv[1] += colour.saturation;
    hsv[2] += colour.value;
  }
  double spread_squares = 0, total = 0;
  for (int c = 0; c < 3; ++c) {
    sum[c] = block_reduce(sum[c], scratch, Sum());
    squares[c] = block_reduce(squares[c], scratch, Sum());
    hsv[c] = block_reduce(hsv[c], scratch, Sum());
    total += (double)sum[c];
    if (sum[c] > 0)
      spread_squares += (double)(pixels * squares[c] - sum[c] * sum[c]) / ((double)sum[c] * sum[c]);
  }
  i64 edges = canny_edges(canny, image, (int)height, (int)width, pitch);
  edges = block_reduce(edges, scratch, Sum());

  if (threadIdx.x != 0) return;
  double* row = out + row_offset(picture, out_columns) + COLUMN;
  row[0] = sqrt(spread_squares / 3);
  const int relative_order[3] = {0, 2, 1};  // red, blue, green
  for (int c = 0; c < 3; ++c) {
    row[1 + c] = total > 0 ? 3 * (double)sum[relative_order[c]] / total : 0.0;
    row[4 + c] = (double)hsv[c] / pixels;
    row[8 + c] = (double)sum[c] / pixels;
  }
  row[7] = (double)edges / pixels;
}
