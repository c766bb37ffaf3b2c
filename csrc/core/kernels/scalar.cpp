// The definition: every other kernel must give exactly these results.
#include "core/kernels/kernel.h"

namespace edgehand {
namespace {

template <class T>
std::ptrdiff_t planar(const Map<T>& map) {
  std::ptrdiff_t peak = no_peak;
  decltype(cell(map, 0, 0)) largest = 0;
  for (std::size_t y = 0; y < map.height; ++y) {
    for (std::size_t x = 0; x < map.width; ++x) {
      const auto value = cell(map, y, x);
      const bool is_number = value == value;
      if (is_number && (peak == no_peak || value > largest)) {
        largest = value;
        peak = static_cast<std::ptrdiff_t>(y * map.width + x);
      }
    }
  }
  return peak;
}

template <class T>
void interleaved(const Map<T>& map, std::ptrdiff_t* peaks) {
  Map<T> one = map;
  for (std::size_t keypoint = 0; keypoint < map.step; ++keypoint) {
    peaks[keypoint] = planar(one);
    ++one.data;
    if (one.flipped != nullptr) ++one.flipped;
  }
}

}  // namespace

const Kernel scalar_kernel = {
    "scalar",
    [] { return true; },
    {planar<float>, interleaved<float>},
    {planar<Half>, interleaved<Half>},
    {planar<std::int8_t>, interleaved<std::int8_t>},
    {planar<std::uint8_t>, interleaved<std::uint8_t>},
};

}  // namespace edgehand
