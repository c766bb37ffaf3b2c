#include "core/decode.h"

#include <cmath>
#include <vector>

#include "core/cells.h"
#include "core/kernels/kernel.h"

namespace edgehand {
namespace {

template <class T>
const T* image_of(const Heatmaps& heatmaps, std::size_t image) {
  return static_cast<const T*>(heatmaps.data) + static_cast<std::ptrdiff_t>(image) * heatmaps.batch_stride;
}

template <class T>
void decode_as(const Heatmaps& heatmaps, const Heatmaps* flipped, bool flip_shift, Method method,
               Quantization quantization, const Kernel& kernel, float* keypoints, float* scores) {
  const Search<T>& search = search_of<T>(kernel);
  Maps<T> maps = {};
  maps.first.height = heatmaps.height;
  maps.first.width = heatmaps.width;
  maps.first.step = heatmaps.interleaved ? heatmaps.keypoints : 1;
  maps.first.flip_shift = flip_shift;
  maps.count = heatmaps.keypoints;
  maps.stride = heatmaps.keypoint_stride;
  maps.flipped_stride = flipped != nullptr ? flipped->keypoint_stride : 0;
  std::vector<std::ptrdiff_t> peaks(heatmaps.keypoints);
  for (std::size_t image = 0; image < heatmaps.batch; ++image) {
    maps.first.data = image_of<T>(heatmaps, image);
    maps.first.flipped = flipped != nullptr ? image_of<T>(*flipped, image) : nullptr;
    (heatmaps.interleaved ? search.interleaved : search.planar)(maps, peaks.data());
    for (std::size_t keypoint = 0; keypoint < heatmaps.keypoints; ++keypoint) {
      Point point = {-1.0F, -1.0F};
      float score = NAN;
      if (peaks[keypoint] != no_peak) {
        const Cells<T> cells(map_of(maps, keypoint), quantization);
        // 32 bits hold it (see Heatmaps) and divide faster.
        const auto peak = static_cast<std::uint32_t>(peaks[keypoint]);
        const auto width = static_cast<std::uint32_t>(heatmaps.width);
        score = cells.value(peak / width, peak % width);
        point = cells.refine(method, peak / width, peak % width, score);
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
