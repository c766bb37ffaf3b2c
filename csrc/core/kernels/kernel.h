// A kernel is one instruction set's way to find peaks; all give the scalar one's results.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/map.h"

namespace edgehand {

// The peak is the lowest index of the largest value that is a number, or no_peak.
template <class T>
struct Search {
  // Of dense maps (step 1).
  void (*planar)(const Maps<T>& maps, std::ptrdiff_t* peaks);
  // Of maps that share their cells (step == count, stride 1).
  void (*interleaved)(const Maps<T>& maps, std::ptrdiff_t* peaks);
};

struct Kernel {
  const char* name;
  bool (*runs_here)();
  Search<float> float32;
  Search<Half> float16;
  Search<std::int8_t> int8;
  Search<std::uint8_t> uint8;
};

template <class T>
const Search<T>& search_of(const Kernel& kernel) {
  if constexpr (std::is_same_v<T, float>) {
    return kernel.float32;
  } else if constexpr (std::is_same_v<T, Half>) {
    return kernel.float16;
  } else if constexpr (std::is_same_v<T, std::int8_t>) {
    return kernel.int8;
  } else {
    return kernel.uint8;
  }
}

// The scalar search of one map, of any step.
template <class T>
std::ptrdiff_t find_peak(const Map<T>& map);

extern const Kernel scalar_kernel;
extern const Kernel avx2_kernel;
extern const Kernel avx512_kernel;
extern const Kernel neon_kernel;

// Those compiled in, the best last.
struct KernelList {
  const Kernel* const* first;
  std::size_t count;
  const Kernel* const* begin() const { return first; }
  const Kernel* const* end() const { return first + count; }
};
KernelList compiled_kernels();

// The best that runs here, or the one that the environment variable EDGEHAND_KERNEL names.
// Throws std::invalid_argument if that one is unknown or does not run here.
const Kernel& active_kernel();

}  // namespace edgehand
