// The definition: every other kernel must give exactly these results.
#include "core/kernels/kernel.h"

namespace edgehand {
template <class T>
std::ptrdiff_t find_peak(const Map<T>& map) {
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

template std::ptrdiff_t find_peak(const Map<float>&);
template std::ptrdiff_t find_peak(const Map<Half>&);
template std::ptrdiff_t find_peak(const Map<std::int8_t>&);
template std::ptrdiff_t find_peak(const Map<std::uint8_t>&);

namespace {

template <class T>
void search(const Maps<T>& maps, std::ptrdiff_t* peaks) {
  for (std::size_t keypoint = 0; keypoint < maps.count; ++keypoint) peaks[keypoint] = find_peak(map_of(maps, keypoint));
}

}  // namespace

const Kernel scalar_kernel = {
    "scalar",
    [] { return true; },
    {search<float>, search<float>},
    {search<Half>, search<Half>},
    {search<std::int8_t>, search<std::int8_t>},
    {search<std::uint8_t>, search<std::uint8_t>},
};

}  // namespace edgehand
