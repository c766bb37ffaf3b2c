// One heatmap where it lies in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace edgehand {

inline constexpr std::ptrdiff_t no_peak = -1;

// IEEE binary16 as stored.
struct Half {
  std::uint16_t bits;
};

// Cell (y, x) is data[(y * width + x) * step].
// With `flipped` (else null) the map is the mean with the mirrored pass; of integers, the sum.
template <class T>
struct Map {
  const T* data;
  const T* flipped;
  std::size_t height, width;
  std::size_t step;
  bool flip_shift;
};

// The maps of one image: map i starts i strides after the first.
template <class T>
struct Maps {
  Map<T> first;
  std::size_t count;
  std::ptrdiff_t stride, flipped_stride;
};

// The functions below have internal linkage: files compiled for one instruction set must not lend
// their copy to the others.

static inline float widen(float value) { return value; }
static inline std::int32_t widen(std::int8_t value) { return value; }
static inline std::int32_t widen(std::uint8_t value) { return value; }

static inline float widen(Half half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half.bits & 0x8000U) << 16;
  const std::uint32_t magnitude = half.bits & 0x7FFFU;
  std::uint32_t bits = 0;
  if (magnitude >= 0x7C00U) {  // infinity, NaN
    bits = 0x7F800000U | ((magnitude & 0x3FFU) << 13);
  } else if (magnitude >= 0x400U) {
    bits = (magnitude << 13) + 0x38000000U;
  } else {  // zero and subnormals: magnitude * 2^-24
    const float value = static_cast<float>(magnitude) * 5.9604644775390625e-8F;
    std::memcpy(&bits, &value, sizeof bits);
  }
  bits |= sign;
  float result;
  std::memcpy(&result, &bits, sizeof result);
  return result;
}

template <class T>
static inline Map<T> map_of(const Maps<T>& maps, std::size_t keypoint) {
  Map<T> map = maps.first;
  map.data += static_cast<std::ptrdiff_t>(keypoint) * maps.stride;
  if (map.flipped != nullptr) map.flipped += static_cast<std::ptrdiff_t>(keypoint) * maps.flipped_stride;
  return map;
}

// Column of the mirrored pass that belongs to column x.
static inline std::size_t mirrored(std::size_t width, bool flip_shift, std::size_t x) {
  return width - 1 - (flip_shift && x > 0 ? x - 1 : x);
}

// What the search compares: a float, or an integer (the sum of both passes if there are two).
template <class T>
static inline auto cell(const Map<T>& map, std::size_t y, std::size_t x) {
  const auto value = widen(map.data[(y * map.width + x) * map.step]);
  if (map.flipped == nullptr) return value;
  const std::size_t column = mirrored(map.width, map.flip_shift, x);
  const auto other = widen(map.flipped[(y * map.width + column) * map.step]);
  if constexpr (std::is_integral_v<T>) {
    return value + other;
  } else {
    return (value + other) * 0.5F;
  }
}

}  // namespace edgehand
