#include "common.cuh"

// floor((2 * i + 1) * from / (2 * to)): the source cell under the centre of output cell i.
__device__ inline i64 nearest(i64 i, i64 from, i64 to) { return (2 * i + 1) * from / (2 * to); }

// Grid: one thread per output pixel over n * side * side, blocks of 256.
extern "C" __global__ void nearest_exact(const u8* const* pictures, const i64* heights,
                                         const i64* widths, const i64* pitches, u8* out,
                                         i64* out_heights, i64* out_widths, i64 n, i64 side) {
  const i64 index = global_thread();
  if (index >= n * side * side) return;
  const i64 x = index % side, y = index / side % side, picture = index / (side * side);
  const i64 height = heights[picture], width = widths[picture];

  const bool keep = height < side && width < side;
  const i64 valid_height = keep ? height : side, valid_width = keep ? width : side;
  if (x == 0 && y == 0) {
    out_heights[picture] = valid_height;
    out_widths[picture] = valid_width;
  }
  u8* target = out + index * 3;
  if (y >= valid_height || x >= valid_width) {
    for (int c = 0; c < 3; ++c) target[c] = 0;
    return;
  }
  const i64 from_y = nearest(y, height, valid_height), from_x = nearest(x, width, valid_width);
  const u8* source = pictures[picture] + pitched_offset(from_y, from_x, pitches[picture]);
  for (int c = 0; c < 3; ++c) target[c] = source[c];
}
