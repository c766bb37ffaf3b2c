#include "core/decode.h"

#include <cmath>
#include <vector>

#include "core/cells.h"
#include "core/kernels/kernel.h"

namespace edgehand {
namespace {

template <class T>
const T* start(const Heatmaps& heatmaps, std::size_t image, std::size_t keypoint) {
  return static_cast<const T*>(heatmaps.data) + static_cast<std::ptrdiff_t>(image) * heatmaps.batch_stride +
         static_cast<std::ptrdiff_t>(keypoint) * heatmaps.keypoint_stride;
}

template <class T>
void decode_as(const Heatmaps& heatmaps, const Heatmaps* flipped, bool flip_shift, Method method,
               Quantization quantization, const Kernel& kernel, float* keypoints, float* scores) {
  const Search<T>& search = search_of<T>(kernel);
  std::vector<std::ptrdiff_t> peaks(heatmaps.interleaved ? heatmaps.keypoints : 0);
  for (std::size_t image = 0; image < heatmaps.batch; ++image) {
    const auto map_of = [&](std::size_t keypoint) {
      return Map<T>{start<T>(heatmaps, image, keypoint),
                    flipped != nullptr ? start<T>(*flipped, image, keypoint) : nullptr,
                    heatmaps.height,
                    heatmaps.width,
                    heatmaps.interleaved ? heatmaps.keypoints : 1,
                    flip_shift};
    };
    if (heatmaps.interleaved) search.interleaved(map_of(0), peaks.data());
    for (std::size_t keypoint = 0; keypoint < heatmaps.keypoints; ++keypoint) {
      const Map<T> map = map_of(keypoint);
      const std::ptrdiff_t peak = heatmaps.interleaved ? peaks[keypoint] : search.planar(map);
      Point point = {-1.0F, -1.0F};
      float score = NAN;
      if (peak != no_peak) {
        const Cells<T> cells(map, quantization);
        // 32 bits hold it (see Heatmaps) and divide faster.
        const std::size_t y = static_cast<std::uint32_t>(peak) / static_cast<std::uint32_t>(map.width);
        const std::size_t x = static_cast<std::size_t>(peak) - y * map.width;
        score = cells.value(y, x);
        point = cells.refine(method, y, x, score);
      }
      *keypoints++ = point.x;
      *keypoints++ = point.y;
      *scores++ = score;
    }
  }
}

}  // namespace

void decode(const Heatmaps& heatmaps, const Heatmaps* flipped, bool flip_shift, Method method,
            Quantization quantization, const Kernel& kernel, float* keypoints, float* scores) {
  switch (heatmaps.type) {
    case Type::float32:
      return decode_as<float>(heatmaps, flipped, flip_shift, method, quantization, kernel, keypoints, scores);
    case Type::float16:
      return decode_as<Half>(heatmaps, flipped, flip_shift, method, quantization, kernel, keypoints, scores);
    case Type::int8:
      return decode_as<std::int8_t>(heatmaps, flipped, flip_shift, method, quantization, kernel, keypoints, scores);
    case Type::uint8:
      return decode_as<std::uint8_t>(heatmaps, flipped, flip_shift, method, quantization, kernel, keypoints, scores);
  }
}

}  // namespace edgehand
