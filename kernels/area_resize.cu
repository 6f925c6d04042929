#include "common.cuh"

// The source cells under one output cell of one axis: `count` cells from `first` on, with the
// integer weights head, inner, ..., inner, tail, whose sum is the source's length.
struct Taps {
  i64 first, count, head, inner, tail;
};

// Exact overlap of output cell [to_index * from, (to_index + 1) * from) with the source cells
// [s * to, (s + 1) * to): common coordinates in which both ends are integers.
__device__ inline Taps overlap(i64 to_index, i64 from, i64 to) {
  const i64 begin = to_index * from, end = begin + from;
  const i64 first = begin / to, last = (end - 1) / to;
  if (first == last) return {first, 1, from, 0, 0};
  return {first, last - first + 1, (first + 1) * to - begin, to, end - last * to};
}

__device__ inline i64 weight(const Taps& taps, i64 k) {
  return k == 0 ? taps.head : (k + 1 == taps.count ? taps.tail : taps.inner);
}

// Grid: one thread per output pixel over n * out_height * out_width, blocks of 256.
extern "C" __global__ void area_resize(const u8* const* pictures, const i64* heights,
                                       const i64* widths, const i64* pitches, u8* out, i64 n,
                                       i64 out_height, i64 out_width) {
  const i64 index = global_thread();
  if (index >= n * out_height * out_width) return;
  const i64 x_out = index % out_width, y_out = index / out_width % out_height;
  const i64 picture = index / (out_width * out_height);
  const i64 height = heights[picture], width = widths[picture], pitch = pitches[picture];

  const Taps rows = overlap(y_out, height, out_height);
  const Taps columns = overlap(x_out, width, out_width);

  i64 sum[3] = {0, 0, 0};
  for (i64 j = 0; j < rows.count; ++j) {
    const u8* pixel = pictures[picture] + pitched_offset(rows.first + j, columns.first, pitch);
    u32 row[3] = {0, 0, 0};  // at most 255 * width: safe up to a width of 16.8 M
    for (i64 i = 0; i < columns.count; ++i, pixel += 3) {
      const u32 share = (u32)weight(columns, i);
      for (int c = 0; c < 3; ++c) row[c] += share * pixel[c];
    }
    for (int c = 0; c < 3; ++c) sum[c] += weight(rows, j) * row[c];
  }
  const i64 area = height * width;
  for (int c = 0; c < 3; ++c) out[index * 3 + c] = (u8)((2 * sum[c] + area) / (2 * area));
}
