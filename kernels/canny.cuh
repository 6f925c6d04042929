// Canny edges of one small RGB image within one block; include common.cuh first.
#ifndef FASTDUP_GPU_CANNY_CUH
#define FASTDUP_GPU_CANNY_CUH

constexpr int CANNY_THREADS = 256, CANNY_SIDE = 224, CANNY_LOW = 50, CANNY_HIGH = 150;
constexpr int CANNY_WORDS = CANNY_SIDE / 32;
constexpr int CANNY_STRIP = 8;  // rows classified at a time
constexpr int GREY_PITCH = CANNY_SIDE + 4, SLOPE_PITCH = CANNY_SIDE + 2;

struct CannyScratch {
  u8 grey[(CANNY_STRIP + 4) * GREY_PITCH];       // two more pixels on every side, replicated
  int slope[(CANNY_STRIP + 2) * SLOPE_PITCH];    // |dx| + |dy|, one more pixel on every side, 0 outside
  u32 strong[CANNY_SIDE][CANNY_WORDS];           // one bit per pixel
  u32 weak[CANNY_SIDE][CANNY_WORDS];             // strong or above the low threshold
};

// OpenCV's integer grey: 15-bit weights 0.299, 0.587, 0.114.
__device__ inline u8 grey_of(const u8* rgb) {
  return (u8)((rgb[0] * 9798 + rgb[1] * 19235 + rgb[2] * 3735 + (1 << 14)) >> 15);
}

struct Gradient {
  int dx, dy;
};

// Sobel, aperture 3, at the grey value that `centre` points to.
__device__ inline Gradient sobel(const u8* centre) {
  const u8 *up = centre - GREY_PITCH, *down = centre + GREY_PITCH;
  return {(up[1] + 2 * centre[1] + down[1]) - (up[-1] + 2 * centre[-1] + down[-1]),
          (down[-1] + 2 * down[0] + down[1]) - (up[-1] + 2 * up[0] + up[1])};
}

// Whether `slope` is a maximum along the gradient's direction, in four sectors of 45 degrees.
// The sector borders tan(22.5) = sqrt(2) - 1 and tan(67.5) = sqrt(2) + 1 are compared as squares.
__device__ inline bool is_ridge(const int* slope, Gradient gradient) {
  const int ax = abs(gradient.dx), ay = abs(gradient.dy), here = *slope;
  if ((ax + ay) * (ax + ay) < 2 * ax * ax) return here > slope[-1] && here >= slope[1];
  if (ay > ax && (ay - ax) * (ay - ax) > 2 * ax * ax)
    return here > slope[-SLOPE_PITCH] && here >= slope[SLOPE_PITCH];
  const int side = (gradient.dx < 0) != (gradient.dy < 0) ? -1 : 1;
  return here > slope[-SLOPE_PITCH - side] && here > slope[SLOPE_PITCH + side];
}

__device__ inline void fill_strip(CannyScratch& s, const u8* image, int top, int height, int width,
                                  i64 pitch) {
  for (int i = threadIdx.x; i < (CANNY_STRIP + 4) * (width + 4); i += CANNY_THREADS) {
    const int row = i / (width + 4), column = i % (width + 4);
    const i64 y = clamp(top + row - 2, 0, height - 1), x = clamp(column - 2, 0, width - 1);
    s.grey[row * GREY_PITCH + column] = grey_of(image + pitched_offset(y, x, pitch));
  }
  __syncthreads();
  for (int i = threadIdx.x; i < (CANNY_STRIP + 2) * (width + 2); i += CANNY_THREADS) {
    const int row = i / (width + 2), column = i % (width + 2);
    const int y = top + row - 1, x = column - 1;
    const bool inside = y >= 0 && y < height && x >= 0 && x < width;
    const Gradient g = sobel(&s.grey[(row + 1) * GREY_PITCH + column + 1]);
    s.slope[row * SLOPE_PITCH + column] = inside ? abs(g.dx) + abs(g.dy) : 0;
  }
  __syncthreads();
}

// One warp computes one word of the bit maps: lane = bit = column.
__device__ inline void classify_strip(CannyScratch& s, int top, int height, int width) {
  const int lane = threadIdx.x % WARP;
  for (int i = threadIdx.x / WARP; i < CANNY_STRIP * CANNY_WORDS; i += CANNY_THREADS / WARP) {
    const int row = i / CANNY_WORDS, word = i % CANNY_WORDS, x = word * 32 + lane;
    if (top + row >= height) break;
    const int* slope = &s.slope[(row + 1) * SLOPE_PITCH + x + 1];
    bool ridge = false;
    if (x < width && *slope > CANNY_LOW)
      ridge = is_ridge(slope, sobel(&s.grey[(row + 2) * GREY_PITCH + x + 2]));
    const u32 weak = __ballot_sync(ALL_LANES, ridge);
    const u32 strong = __ballot_sync(ALL_LANES, ridge && *slope > CANNY_HIGH);
    if (lane == 0) {
      s.weak[top + row][word] = weak;
      s.strong[top + row][word] = strong;
    }
  }
  __syncthreads();
}

// Bits of `row` at `word`, each widened by its left and right neighbour.
__device__ inline u32 widened(const u32* row, int word) {
  const u32 before = word > 0 ? row[word - 1] >> 31 : 0;
  const u32 after = word + 1 < CANNY_WORDS ? row[word + 1] << 31 : 0;
  return row[word] | row[word] << 1 | row[word] >> 1 | before | after;
}

// Strong pixels spread over touching weak ones until nothing changes. Each word has one writer and
// only gains bits, so a neighbour that reads the old value sees the new one a round later.
__device__ inline void spread(CannyScratch& s, int height) {
  bool changed = true;
  while (__syncthreads_or(changed)) {
    changed = false;
    for (int i = threadIdx.x; i < height * CANNY_WORDS; i += CANNY_THREADS) {
      const int y = i / CANNY_WORDS, word = i % CANNY_WORDS;
      const u32 old = s.strong[y][word], weak = s.weak[y][word];
      u32 near = widened(s.strong[y], word);
      if (y > 0) near |= widened(s.strong[y - 1], word);
      if (y + 1 < height) near |= widened(s.strong[y + 1], word);
      u32 grown = old | (weak & near);
      for (u32 more = grown; more != 0; grown |= more) more = weak & ~grown & (grown << 1 | grown >> 1);
      if (grown != old) {
        s.strong[y][word] = grown;
        changed = true;
      }
    }
  }
}

// Number of edge pixels that this thread counted; sum it over the block. Every thread of a block
// of 256 calls it; height and width are at most 224.
__device__ inline i64 canny_edges(CannyScratch& s, const u8* image, int height, int width, i64 pitch) {
  for (int top = 0; top < height; top += CANNY_STRIP) {
    fill_strip(s, image, top, height, width, pitch);
    classify_strip(s, top, height, width);
  }
  spread(s, height);
  i64 edges = 0;
  for (int i = threadIdx.x; i < height * CANNY_WORDS; i += CANNY_THREADS)
    edges += __popc(s.strong[i / CANNY_WORDS][i % CANNY_WORDS]);
  return edges;
}

#endif
