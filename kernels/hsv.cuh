// OpenCV's uint8 RGB -> HSV (hue 0-179) in integers; include common.cuh first.
#ifndef FASTDUP_GPU_HSV_CUH
#define FASTDUP_GPU_HSV_CUH

constexpr int HSV_BITS = 12;  // of the fixed-point reciprocals: the only width that matches OpenCV's output

struct HsvTables {
  int saturation[256];  // round(255 / i * 2^12)
  int hue[256];         // round(30 / i * 2^12); entry 0 of both is 0
};

struct Hsv {
  int hue, saturation, value;
};

// Every thread of a block of 256 calls it; a barrier must follow before the tables are used.
__device__ inline void hsv_fill(HsvTables& tables, int i) {
  tables.saturation[i] = i == 0 ? 0 : (2 * (255 << HSV_BITS) + i) / (2 * i);
  tables.hue[i] = i == 0 ? 0 : (2 * (30 << HSV_BITS) + i) / (2 * i);
}

__device__ inline int hsv_scale(int value, int reciprocal) {
  return (value * reciprocal + (1 << (HSV_BITS - 1))) >> HSV_BITS;
}

__device__ inline Hsv hsv_of(int r, int g, int b, const HsvTables& tables) {
  const int high = max(r, max(g, b)), range = high - min(r, min(g, b));
  const int sector = high == r ? g - b : (high == g ? b - r + 2 * range : r - g + 4 * range);
  const int hue = hsv_scale(sector, tables.hue[range]);
  return {hue < 0 ? hue + 180 : hue, hsv_scale(range, tables.saturation[high]), high};
}

#endif
