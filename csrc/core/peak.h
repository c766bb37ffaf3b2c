// Where the peak of one heatmap is, and reading values around it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/decode.h"

namespace edgehand {

inline constexpr std::ptrdiff_t no_peak = -1;

// IEEE binary16 as stored; widening to float is exact.
struct Half {
  std::uint16_t bits;
};

inline float widen(Half half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half.bits & 0x8000U) << 16;
  const std::uint32_t magnitude = half.bits & 0x7FFFU;
  std::uint32_t bits = 0;
  if (magnitude >= 0x7C00U) {  // infinity, NaN
    bits = sign | 0x7F800000U | ((magnitude & 0x3FFU) << 13);
  } else if (magnitude >= 0x400U) {
    bits = sign | ((magnitude << 13) + 0x38000000U);
  } else {  // zero and subnormals: magnitude * 2^-24
    const float value = static_cast<float>(magnitude) * 5.9604644775390625e-8F;
    std::memcpy(&bits, &value, sizeof bits);
    bits |= sign;
  }
  float result;
  std::memcpy(&result, &bits, sizeof result);
  return result;
}

inline float widen(float value) { return value; }
inline std::int32_t widen(std::int8_t value) { return value; }
inline std::int32_t widen(std::uint8_t value) { return value; }

// One heatmap of a batch: cell (y, x) is map[(y * width + x) * step].
// With `flipped` the cell is the mean with the mirrored pass; integers keep the sum (value / 2 when dequantised).
template <class T>
struct Map {
  const T* map;
  const T* flipped;
  std::size_t height, width;
  std::ptrdiff_t step, flipped_step;
  bool flip_shift;

  auto at(std::size_t y, std::size_t x) const {
    const auto row = static_cast<std::ptrdiff_t>(y * width);
    const auto value = widen(map[(row + static_cast<std::ptrdiff_t>(x)) * step]);
    if (flipped == nullptr) return value;
    const std::size_t shifted = flip_shift && x > 0 ? x - 1 : x;
    const auto other = widen(flipped[(row + static_cast<std::ptrdiff_t>(width - 1 - shifted)) * flipped_step]);
    if constexpr (sizeof(T) == 1) {
      return value + other;
    } else {
      return (value + other) * 0.5F;
    }
  }
};

}  // namespace edgehand
