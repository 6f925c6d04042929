// Runs CUDA kernel source on the CPU: one fiber per CUDA thread, one block after the other.
//
// Kept from CUDA: barriers and warp operations wait for all their threads (a divergent one is
// reported, not tolerated); shared memory starts each block with rubbish; every warp runs alone as
// far as it can, the first or the last warp first, which shows most missing barriers.
// Not kept: time, memory coalescing, atomics under contention, the memory model.
#pragma once
#include <setjmp.h>
#include <signal.h>
#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __launch_bounds__(...)
#define __shared__ static __attribute__((section("shim_shared")))

extern "C" char __start_shim_shared[] __attribute__((weak, visibility("hidden")));
extern "C" char __stop_shim_shared[] __attribute__((weak, visibility("hidden")));

using std::max;
using std::min;

struct ShimIndex {
  unsigned x, y, z;
};
static ShimIndex threadIdx, blockIdx, blockDim, gridDim;

namespace shim {

constexpr unsigned LANES = 32;
constexpr size_t STACK = 64 * 1024;
enum Wait { RUNNING, AT_BLOCK, AT_WARP };

struct Fiber {
  ucontext_t context;
  jmp_buf resume;
  std::unique_ptr<char[]> stack;
  bool started = false, done = false;
  Wait wait = RUNNING;
  unsigned block_phase = 0, warp_phase = 0;
  int block_value[2];
  uint64_t warp_value[2];
};

static std::vector<Fiber> fibers;
static jmp_buf scheduler;
static unsigned current, threads;
static void (*body)();
static std::string error;

[[noreturn]] static void fail(const char* what) {
  error = what;
  _longjmp(scheduler, 2);
}

// The sources are compiled with traps for signed overflow and for indices outside an array.
static void trapped(int) { fail("signed overflow, division by zero, or an index outside an array"); }

struct Traps {
  struct sigaction old_ill, old_trap;
  Traps() {
    struct sigaction ours = {};
    ours.sa_handler = trapped;
    ours.sa_flags = SA_NODEFER;
    sigaction(SIGILL, &ours, &old_ill);
    sigaction(SIGTRAP, &ours, &old_trap);
  }
  ~Traps() {
    sigaction(SIGILL, &old_ill, nullptr);
    sigaction(SIGTRAP, &old_trap, nullptr);
  }
};

static void __attribute__((noinline)) wait(Wait for_whom) {
  fibers[current].wait = for_whom;
  if (_setjmp(fibers[current].resume) == 0) _longjmp(scheduler, 1);
}

static void fiber_main() {
  for (;;) {
    body();
    fibers[current].done = true;
    wait(RUNNING);
  }
}

static void start(Fiber& fiber) {
  fiber.stack.reset(new char[STACK]);
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = fiber.stack.get();
  fiber.context.uc_stack.ss_size = STACK;
  fiber.context.uc_link = nullptr;
  makecontext(&fiber.context, fiber_main, 0);
  fiber.started = true;
  setcontext(&fiber.context);
}

static bool __attribute__((noinline)) run_fiber(unsigned i) {
  current = i;
  threadIdx = {i % blockDim.x, i / blockDim.x % blockDim.y, i / (blockDim.x * blockDim.y)};
  const int back = _setjmp(scheduler);
  if (back == 0) {
    if (fibers[i].started) _longjmp(fibers[i].resume, 1);
    start(fibers[i]);
  }
  return back == 1;
}

// Lets threads first..last go on if all of them stand at the same kind of barrier.
static bool release(unsigned first, unsigned last, Wait kind) {
  for (unsigned i = first; i < last; ++i)
    if (fibers[i].done || fibers[i].wait != kind) return false;
  for (unsigned i = first; i < last; ++i) fibers[i].wait = RUNNING;
  return true;
}

// One warp as far as it gets alone: to a block barrier or its end.
static bool run_warp(unsigned first, bool reverse, bool& moved) {
  const unsigned last = min(first + LANES, threads);
  do {
    for (unsigned turn = first; turn < last; ++turn) {
      const unsigned i = reverse ? first + last - 1 - turn : turn;
      if (fibers[i].done || fibers[i].wait != RUNNING) continue;
      if (!run_fiber(i)) return false;
      moved = true;
    }
  } while (last - first == LANES && release(first, last, AT_WARP));
  return true;
}

static bool run_block(bool reverse) {
  if (__start_shim_shared != nullptr)
    memset(__start_shim_shared, 0xA5, __stop_shim_shared - __start_shim_shared);
  for (Fiber& fiber : fibers) fiber.done = false, fiber.wait = RUNNING;
  const unsigned warps = (threads + LANES - 1) / LANES;
  for (bool moved = true; moved;) {
    moved = false;
    for (unsigned turn = 0; turn < warps; ++turn)
      if (!run_warp((reverse ? warps - 1 - turn : turn) * LANES, reverse, moved)) return false;
    moved |= release(0, threads, AT_BLOCK);
  }
  for (const Fiber& fiber : fibers)
    if (!fiber.done) {
      error = "some threads wait at a barrier or warp operation that others never reach";
      return false;
    }
  return true;
}

template <class Combine>
static int at_block(int value, Combine combine) {
  Fiber& mine = fibers[current];
  const unsigned phase = mine.block_phase++ & 1;
  mine.block_value[phase] = value;
  wait(AT_BLOCK);
  int total = 0;
  for (unsigned i = 0; i < threads; ++i) total = combine(total, fibers[i].block_value[phase]);
  return total;
}

// The value that lane from(lane) of this warp gave to the same operation.
template <class T>
static T from_lane(unsigned mask, T value, int lane_from) {
  static_assert(sizeof(T) <= 8, "warp operations take up to 8 bytes");
  if (mask != 0xffffffffu) fail("warp operations here want the full mask");
  Fiber& mine = fibers[current];
  const unsigned phase = mine.warp_phase++ & 1, first = current / LANES * LANES;
  memcpy(&mine.warp_value[phase], &value, sizeof(T));
  wait(AT_WARP);
  T got;
  memcpy(&got, &fibers[first + (unsigned)lane_from % LANES].warp_value[phase], sizeof(T));
  return got;
}

static int lane() { return (int)(current % LANES); }

template <class... A, size_t... I>
static void bind(void (*kernel)(A...), void** args, std::index_sequence<I...>) {
  static std::tuple<void (*)(A...), A...> call;
  call = std::make_tuple(kernel, *static_cast<A*>(args[I])...);
  body = [] { std::apply([](auto function, auto... a) { function(a...); }, call); };
}

template <class... A>
static bool launch(void (*kernel)(A...), const unsigned* grid, unsigned block, int64_t first,
                   int64_t last, bool reverse, void** args, const int* sizes, int count) {
  const std::vector<int> wanted = {(int)sizeof(A)...};
  if (std::vector<int>(sizes, sizes + count) != wanted) {
    error = "the arguments are not as many or not as wide as the kernel's";
    return false;
  }
  bind(kernel, args, std::index_sequence_for<A...>());
  threads = block;
  blockDim = {block, 1, 1};
  gridDim = {grid[0], grid[1], 1};
  fibers = std::vector<Fiber>(threads);
  const Traps traps;
  for (int64_t i = first; i < last; ++i) {
    blockIdx = {(unsigned)(i % grid[0]), (unsigned)(i / grid[0]), 0};
    if (!run_block(reverse)) return false;
  }
  return true;
}

}  // namespace shim

static void __syncthreads() { shim::at_block(0, [](int, int) { return 0; }); }
static int __syncthreads_or(int value) {
  return shim::at_block(value, [](int total, int one) { return total || one; });
}

template <class T>
static T __shfl_sync(unsigned mask, T value, int from) {
  return shim::from_lane(mask, value, from);
}
template <class T>
static T __shfl_xor_sync(unsigned mask, T value, int with) {
  return shim::from_lane(mask, value, shim::lane() ^ with);
}
template <class T>
static T __shfl_up_sync(unsigned mask, T value, int by) {
  return shim::from_lane(mask, value, shim::lane() < by ? shim::lane() : shim::lane() - by);
}
static unsigned __ballot_sync(unsigned mask, bool value) {
  const unsigned first = shim::current / shim::LANES * shim::LANES;
  const unsigned phase = shim::fibers[shim::current].warp_phase & 1;
  shim::from_lane<uint64_t>(mask, value, 0);
  unsigned bits = 0;
  for (unsigned i = 0; i < shim::LANES; ++i)
    bits |= (unsigned)shim::fibers[first + i].warp_value[phase] << i;
  return bits;
}

template <class T>
static T atomicAdd(T* at, T value) {
  const T old = *at;
  *at += value;
  return old;
}
static int __popc(unsigned bits) { return __builtin_popcount(bits); }
static int __ffs(unsigned bits) { return __builtin_ffs((int)bits); }
static float __int_as_float(int bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

#define SHIM_API extern "C" __attribute__((visibility("default")))
SHIM_API const char* shim_error() { return shim::error.c_str(); }

// Exports `launch_<kernel>`: blocks first..last-1 of the grid (x fastest); false = see shim_error.
#define SHIM_EXPORT(kernel)                                                                     \
  SHIM_API bool launch_##kernel(const unsigned* grid, unsigned block, int64_t first,            \
                                int64_t last, bool reverse, void** args, const int* sizes,      \
                                int count) {                                                    \
    return shim::launch(kernel, grid, block, first, last, reverse, args, sizes, count);         \
  }
