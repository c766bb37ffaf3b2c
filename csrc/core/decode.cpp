#include "core/decode.h"

#include <cmath>
#include <limits>

#include "core/peak.h"
#include "core/refine.h"

namespace edgehand {
namespace {

// Lowest index of the largest value that is a number; no_peak if none is.
template <class T>
std::ptrdiff_t find_peak(const Map<T>& map) {
  std::ptrdiff_t peak = no_peak;
  auto largest = std::numeric_limits<decltype(map.at(0, 0))>::lowest();
  std::ptrdiff_t index = 0;
  for (std::size_t y = 0; y < map.height; ++y) {
    for (std::size_t x = 0; x < map.width; ++x, ++index) {
      const auto value = map.at(y, x);
      if (value > largest || (peak == no_peak && value == value)) {
        largest = value;
        peak = index;
      }
    }
  }
  return peak;
}

template <class T>
class MapCells final : public Cells {
 public:
  MapCells(const Map<T>& map, Quantization quantization)
      : Cells(), map_(map), quantization_(quantization) {
    height = map.height;
    width = map.width;
  }

  float value(std::size_t y, std::size_t x) const {
    if constexpr (sizeof(T) == 1) {
      if (map_.flipped != nullptr) {
        return static_cast<float>(map_.at(y, x) - 2 * quantization_.zero_point) * (0.5F * quantization_.scale);
      }
      return static_cast<float>(map_.at(y, x) - quantization_.zero_point) * quantization_.scale;
    } else {
      return map_.at(y, x);
    }
  }

  void read(std::ptrdiff_t y, std::ptrdiff_t x, std::size_t rows, std::size_t columns, float* block) const override {
    for (std::size_t i = 0; i < rows; ++i) {
      const std::size_t row = static_cast<std::size_t>(y) + i;  // a negative sum wraps to something beyond the height
      for (std::size_t j = 0; j < columns; ++j) {
        const std::size_t column = static_cast<std::size_t>(x) + j;
        *block++ = row < height && column < width ? value(row, column) : 0.0F;
      }
    }
  }

 private:
  Map<T> map_;
  Quantization quantization_;
};

template <class T>
const T* map_start(const Heatmaps& heatmaps, std::size_t image, std::size_t keypoint) {
  return static_cast<const T*>(heatmaps.data) + static_cast<std::ptrdiff_t>(image) * heatmaps.batch_stride +
         static_cast<std::ptrdiff_t>(keypoint) * heatmaps.keypoint_stride;
}

std::ptrdiff_t cell_step(const Heatmaps& heatmaps) {
  return heatmaps.interleaved ? static_cast<std::ptrdiff_t>(heatmaps.keypoints) : 1;
}

template <class T>
void decode_as(const Heatmaps& heatmaps, const Heatmaps* flipped, bool flip_shift, Method method,
               Quantization quantization, float* keypoints, float* scores) {
  for (std::size_t image = 0; image < heatmaps.batch; ++image) {
    for (std::size_t keypoint = 0; keypoint < heatmaps.keypoints; ++keypoint) {
      const Map<T> map = {map_start<T>(heatmaps, image, keypoint),
                          flipped ? map_start<T>(*flipped, image, keypoint) : nullptr,
                          heatmaps.height,
                          heatmaps.width,
                          cell_step(heatmaps),
                          flipped ? cell_step(*flipped) : 0,
                          flip_shift};
      const std::ptrdiff_t peak = find_peak(map);
      Point point = {-1.0F, -1.0F};
      float score = NAN;
      if (peak != no_peak) {
        const MapCells<T> cells(map, quantization);
        const std::size_t x = static_cast<std::size_t>(peak) % map.width;
        const std::size_t y = static_cast<std::size_t>(peak) / map.width;
        score = cells.value(y, x);
        point = refine(method, cells, x, y, score);
      }
      *keypoints++ = point.x;
      *keypoints++ = point.y;
      *scores++ = score;
    }
  }
}

}  // namespace

void decode(const Heatmaps& heatmaps, const Heatmaps* flipped, bool flip_shift, Method method,
            Quantization quantization, float* keypoints, float* scores) {
  switch (heatmaps.type) {
    case Type::float32:
      return decode_as<float>(heatmaps, flipped, flip_shift, method, quantization, keypoints, scores);
    case Type::float16:
      return decode_as<Half>(heatmaps, flipped, flip_shift, method, quantization, keypoints, scores);
    case Type::int8:
      return decode_as<std::int8_t>(heatmaps, flipped, flip_shift, method, quantization, keypoints, scores);
    case Type::uint8:
      return decode_as<std::uint8_t>(heatmaps, flipped, flip_shift, method, quantization, keypoints, scores);
  }
}

}  // namespace edgehand
