// The search in dense maps, on vectors (see lanes.h).
#pragma once

#include "core/kernels/lanes.h"

namespace edgehand {
namespace {

// Dense values in groups of a few vectors.
template <class Isa, class T>
struct Groups {
  using L = Lanes<Isa, T, false>;
  static constexpr std::size_t unroll = 256 / Isa::bytes;
  static constexpr std::size_t size = unroll * L::count;
  static constexpr std::size_t most_values = L::id_limit * size;

  const T* data;
  std::size_t count;  // of values: size .. most_values

  // The last group overlaps the one before.
  const T* group(std::size_t number) const { return data + smaller(number * size, count - size); }

  Best<L> best() const {
    Best<L> result;
    const std::size_t groups = (count + size - 1) / size;
    for (std::size_t number = 0; number < groups; ++number) {
      const T* values = group(number);
      // Two chains halve the latency; both start from a number so that NaN never gets in.
      auto even = L::max(L::load(values), L::splat(L::lowest()));
      auto odd = L::max(L::load(values + L::count), L::splat(L::lowest()));
      for (std::size_t i = 2; i < unroll; i += 2) {
        even = L::max(L::load(values + i * L::count), even);
        odd = L::max(L::load(values + (i + 1) * L::count), odd);
      }
      result.update(L::max(even, odd), number);
    }
    return result;
  }

  // Index of the first value that equals the best; no branch depends on where it is.
  std::size_t index_of(const Best<L>& best, typename L::Lane value) const {
    const auto largest = L::splat(value);
    const T* values = group(best.first_group(largest));
    std::size_t vector = 0;
    std::uint64_t equal = 0;
    for (std::size_t i = unroll; i-- > 0;) {
      const std::uint64_t bits = L::equal(L::load(values + i * L::count), largest);
      vector = bits != 0 ? i : vector;
      equal = bits != 0 ? bits : equal;
    }
    return static_cast<std::size_t>(values - data) + vector * L::count + L::lowest_lane(equal);
  }
};

// Peaks of `count` maps from `first` on, all scanned before one is settled: that hides latency.
template <class Isa, class T, std::size_t count>
void planar_plain(const Maps<T>& maps, std::size_t first, std::ptrdiff_t* peaks) {
  using G = Groups<Isa, T>;
  using L = typename G::L;
  const std::size_t cells = maps.first.height * maps.first.width;
  Best<L> best[count];
  for (std::size_t i = 0; i < count; ++i) best[i] = G{map_of(maps, first + i).data, cells}.best();
  for (std::size_t i = 0; i < count; ++i) {
    const Map<T> map = map_of(maps, first + i);
    const auto value = L::largest_lane(best[i].value);
    // Nothing above -infinity: perhaps nothing but NaN.
    const bool none = std::is_floating_point_v<typename L::Lane> && value == L::lowest();
    peaks[first + i] =
        none ? find_peak(map) : static_cast<std::ptrdiff_t>(G{map.data, cells}.index_of(best[i], value));
  }
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
  if (map.width < L::count || groups * map.height > L::id_limit) return find_peak(map);
  const std::size_t last = map.width - L::count;
  Best<L> best;
  for (std::size_t y = 0; y < map.height; ++y) {
    for (std::size_t i = 0; i < groups; ++i) {
      best.update(merged_columns<L>(map, y, smaller(i * L::count, last)), y * groups + i);
    }
  }
  const auto value = L::largest_lane(best.value);
  if (std::is_floating_point_v<typename L::Lane> && value == L::lowest()) {
    return find_peak(map);
  }
  const auto largest = L::splat(value);
  const std::size_t number = best.first_group(largest);
  const std::size_t y = number / groups;
  const std::size_t x = smaller(number % groups * L::count, last);
  return static_cast<std::ptrdiff_t>(y * map.width + x + L::lowest_lane(L::equal(merged_columns<L>(map, y, x), largest)));
}

// The peak of a map of more groups than can be numbered, piece by piece.
template <class Isa, class T>
std::ptrdiff_t planar_large(const Map<T>& map) {
  using G = Groups<Isa, T>;
  using L = typename G::L;
  const std::size_t cells = map.height * map.width;
  std::size_t peak = 0;
  auto largest = L::lowest();
  for (std::size_t start = 0; start < cells; start += G::most_values) {
    const std::size_t count = smaller(cells - start, G::most_values);
    const std::size_t overlap = count < G::size ? G::size - count : 0;
    const G piece = {map.data + start - overlap, count + overlap};
    const Best<L> best = piece.best();
    const auto value = L::largest_lane(best.value);
    if (start > 0 && !(value > largest)) continue;
    largest = value;
    peak = start - overlap + piece.index_of(best, value);
  }
  return static_cast<std::ptrdiff_t>(peak);
}

template <class Isa, class T>
void planar(const Maps<T>& maps, std::ptrdiff_t* peaks) {
  using G = Groups<Isa, T>;
  const std::size_t cells = maps.first.height * maps.first.width;
  std::size_t i = 0;
  if (std::is_integral_v<T> && maps.first.flipped == nullptr && cells > G::most_values) {
    for (; i < maps.count; ++i) peaks[i] = planar_large<Isa>(map_of(maps, i));
  } else if (maps.first.flipped == nullptr && cells >= G::size) {
    constexpr std::size_t together = 4;
    for (; i + together <= maps.count; i += together) planar_plain<Isa, T, together>(maps, i, peaks);
    for (; i < maps.count; ++i) planar_plain<Isa, T, 1>(maps, i, peaks);
  }
  for (; i < maps.count; ++i) {
    const Map<T> map = map_of(maps, i);
    peaks[i] = map.flipped == nullptr ? find_peak(map) : planar_merged<Isa>(map);
  }
}

}  // namespace
}  // namespace edgehand
