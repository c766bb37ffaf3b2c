// The search in dense maps, on vectors (see lanes.h).
#pragma once

#include "core/kernels/lanes.h"

namespace edgehand {
namespace {

template <class Isa, class T>
std::ptrdiff_t planar_plain(const Map<T>& map) {
  using L = Lanes<Isa, T, false>;
  constexpr std::size_t unroll = 256 / Isa::bytes;
  constexpr std::size_t group = unroll * L::count;
  const std::size_t cells = map.height * map.width;
  if (cells < group) return search_of<T>(scalar_kernel).planar(map);

  std::size_t peak = 0;
  auto peak_value = L::lowest();
  for (std::size_t start = 0; start < cells; start += L::id_limit * group) {
    const T* data = map.data + start;
    // The last group overlaps the one before rather than end early.
    const std::size_t size = cells - start;
    if (size < group) {
      data -= group - size;
    }
    const std::size_t last = size < group ? 0 : size - group;
    const std::size_t groups = smaller((size + group - 1) / group, L::id_limit);
    Best<L> best;
    for (std::size_t number = 0; number < groups; ++number) {
      const T* values = data + smaller(number * group, last);
      // Two chains halve the latency; both start from a number so that NaN never gets in.
      auto even = L::max(L::load(values), L::splat(L::lowest()));
      auto odd = L::max(L::load(values + L::count), L::splat(L::lowest()));
      for (std::size_t i = 2; i < unroll; i += 2) {
        even = L::max(L::load(values + i * L::count), even);
        odd = L::max(L::load(values + (i + 1) * L::count), odd);
      }
      best.update(L::max(even, odd), number);
    }
    const auto value = L::largest_lane(best.value);
    if (start > 0 && !(value > peak_value)) continue;
    peak_value = value;
    const auto largest = L::splat(value);
    const T* values = data + smaller(best.first_group(largest) * group, last);
    // No branch depends on the place, so the next map can begin before this one is settled.
    std::size_t vector = 0;
    std::uint64_t equal = 0;
    for (std::size_t i = unroll; i-- > 0;) {
      const std::uint64_t bits = L::equal(L::load(values + i * L::count), largest);
      vector = bits != 0 ? i : vector;
      equal = bits != 0 ? bits : equal;
    }
    peak = static_cast<std::size_t>(values - map.data) + vector * L::count + L::lowest_lane(equal);
  }
  if (std::is_floating_point_v<typename L::Lane> && peak_value == L::lowest()) {
    return search_of<T>(scalar_kernel).planar(map);  // nothing above -infinity: perhaps nothing but NaN
  }
  return static_cast<std::ptrdiff_t>(peak);
}

// Columns x .. x + count - 1 of row y, both passes merged.
template <class L, class T>
typename L::Vector merged_columns(const Map<T>& map, std::size_t y, std::size_t x) {
  const T* row = map.data + y * map.width;
  const T* flipped_row = map.flipped + y * map.width;
  const std::size_t first = map.width - L::count - x;  // of the mirrored columns, without shift
  const auto value = L::load(row + x);
  if (!map.flip_shift) return L::merge(value, L::reverse(L::load(flipped_row + first)));
  if (x > 0) return L::merge(value, L::reverse(L::load(flipped_row + first + 1)));
  return L::merge(value, L::shift_up(L::reverse(L::load(flipped_row + first))));
}

template <class Isa, class T>
std::ptrdiff_t planar_merged(const Map<T>& map) {
  using L = Lanes<Isa, T, true>;
  const std::size_t groups = (map.width + L::count - 1) / L::count;  // in a row, the last one overlapping
  if (map.width < L::count || groups * map.height > L::id_limit) return search_of<T>(scalar_kernel).planar(map);
  const std::size_t last = map.width - L::count;
  Best<L> best;
  for (std::size_t y = 0; y < map.height; ++y) {
    for (std::size_t i = 0; i < groups; ++i) {
      best.update(merged_columns<L>(map, y, smaller(i * L::count, last)), y * groups + i);
    }
  }
  const auto value = L::largest_lane(best.value);
  if (std::is_floating_point_v<typename L::Lane> && value == L::lowest()) {
    return search_of<T>(scalar_kernel).planar(map);
  }
  const auto largest = L::splat(value);
  const std::size_t number = best.first_group(largest);
  const std::size_t y = number / groups;
  const std::size_t x = smaller(number % groups * L::count, last);
  return static_cast<std::ptrdiff_t>(y * map.width + x + L::lowest_lane(L::equal(merged_columns<L>(map, y, x), largest)));
}

template <class Isa, class T>
std::ptrdiff_t planar(const Map<T>& map) {
  return map.flipped == nullptr ? planar_plain<Isa>(map) : planar_merged<Isa>(map);
}

}  // namespace
}  // namespace edgehand
