// The search on vectors, written once; each instruction set includes it with its own width.
//
// Values are compared in groups of a few vectors. For every lane the largest value and the number of its
// group are kept; at the end the lanes are compared and the one group that won is read again. Only strictly
// larger values replace, so the lowest index wins, and NaN, never larger, loses.
//
// An instruction set gives:
//   bytes                     size of a vector
//   widen(const Half*)        a vector of floats
//   max(value, largest)       of floats, `largest` if `value` is NaN
//   equal(a, b)               the lanes that are equal as bits, lowest lane lowest,
//   bits_per_lane<Lane>       so many for each
//
// Everything here has internal linkage, see map.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "core/kernels/kernel.h"

namespace edgehand {
namespace {

constexpr std::size_t smaller(std::size_t a, std::size_t b) { return a < b ? a : b; }

template <class T, std::size_t bytes>
struct VectorOf {
  typedef T type __attribute__((vector_size(bytes)));
};

// The lanes of a vector in another order; those of Ids are unsigned and as large.
template <class Ids, std::size_t... from, class V>
V arranged(V v) {
#if defined(__clang__) || __GNUC__ >= 12
  return __builtin_shufflevector(v, v, from...);
#else
  return __builtin_shuffle(v, Ids{from...});
#endif
}

// Loads T as vectors of the type that is compared.
template <class Isa, class T, bool with_flip>
struct Lanes {
  using Lane = std::conditional_t<!std::is_integral_v<T>, float, std::conditional_t<with_flip, std::int16_t, T>>;
  using Id = std::conditional_t<sizeof(Lane) == 4, std::uint32_t,
                                std::conditional_t<sizeof(Lane) == 2, std::uint16_t, std::uint8_t>>;
  using Vector = typename VectorOf<Lane, Isa::bytes>::type;
  using Ids = typename VectorOf<Id, Isa::bytes>::type;
  static constexpr std::size_t count = Isa::bytes / sizeof(Lane);
  static constexpr std::size_t id_limit = std::size_t{1} << (8 * sizeof(Id) < 32 ? 8 * sizeof(Id) : 31);
  using Indices = std::make_index_sequence<count>;

  static constexpr Lane lowest() {
    if constexpr (std::is_floating_point_v<Lane>) return -std::numeric_limits<Lane>::infinity();
    return std::numeric_limits<Lane>::lowest();
  }

  static Vector splat(Lane value) { return value - Vector{}; }

  static Vector load(const T* data) {
    if constexpr (std::is_same_v<T, Half>) {
      return Isa::widen(data);
    } else {
      typename VectorOf<T, count * sizeof(T)>::type values;
      std::memcpy(&values, data, sizeof values);
      return __builtin_convertvector(values, Vector);
    }
  }

  static Vector load_lanes(const Lane* lanes) {
    Vector values;
    std::memcpy(&values, lanes, sizeof values);
    return values;
  }

  // Mean of two passes, as `cell` gives it.
  static Vector merge(Vector value, Vector other) {
    if constexpr (std::is_floating_point_v<Lane>) {
      return (value + other) * 0.5F;
    } else {
      return value + other;
    }
  }

  template <std::size_t... i>
  static Vector reverse(Vector v, std::index_sequence<i...>) {
    return arranged<Ids, (count - 1 - i)...>(v);
  }
  static Vector reverse(Vector v) { return reverse(v, Indices()); }

  // Every lane one up, the lowest stays.
  template <std::size_t... i>
  static Vector shift_up(Vector v, std::index_sequence<i...>) {
    return arranged<Ids, (i == 0 ? 0 : i - 1)...>(v);
  }
  static Vector shift_up(Vector v) { return shift_up(v, Indices()); }

  // The larger one; `largest` if `value` is NaN.
  static Vector max(Vector value, Vector largest) {
    if constexpr (std::is_floating_point_v<Lane>) {
      return Isa::max(value, largest);
    } else {
      return value > largest ? value : largest;
    }
  }

  // Lane i trades places with lane i ^ distance; moved in the largest units possible, which is cheapest.
  template <std::size_t distance, class V>
  static V trade(V v) {
    constexpr std::size_t size = smaller(distance * sizeof(Lane), 8);
    using Unit = std::conditional_t<size == 8, std::uint64_t,
                                    std::conditional_t<size == 4, std::uint32_t,
                                                       std::conditional_t<size == 2, std::uint16_t, std::uint8_t>>>;
    using Units = typename VectorOf<Unit, Isa::bytes>::type;
    return (V)trade_units<distance * sizeof(Lane) / size>((Units)v, std::make_index_sequence<Isa::bytes / size>());
  }
  template <std::size_t distance, class Units, std::size_t... i>
  static Units trade_units(Units v, std::index_sequence<i...>) {
    return arranged<Units, (i ^ distance)...>(v);
  }

  template <std::size_t distance = count / 2>
  static Lane largest_lane(Vector v) {
    if constexpr (distance == 0) {
      return v[0];
    } else {
      return largest_lane<distance / 2>(max(v, trade<distance>(v)));
    }
  }

  template <std::size_t distance = count / 2>
  static Id smallest_id(Ids v) {
    if constexpr (distance == 0) {
      return v[0];
    } else {
      const Ids other = trade<distance>(v);
      return smallest_id<distance / 2>(v < other ? v : other);
    }
  }

  // The lanes that equal `value` as bits, lowest lane lowest, and the number of the lane of the lowest bit.
  static std::uint64_t equal(Vector v, Vector value) { return Isa::equal(v, value); }
  static std::size_t lowest_lane(std::uint64_t bits) {
    return static_cast<std::size_t>(__builtin_ctzll(bits)) / Isa::template bits_per_lane<Lane>;
  }
};

// Largest value of each lane so far, and the group where it was first seen.
template <class L>
struct Best {
  typename L::Vector value = L::splat(L::lowest());
  typename L::Ids group = {};


  void update(typename L::Vector candidate, std::size_t number) {
    const typename L::Ids numbers = typename L::Ids{} + static_cast<typename L::Id>(number);
    group = candidate > value ? numbers : group;
    value = L::max(candidate, value);
  }

  typename L::Id first_group(typename L::Vector largest) const {
    const typename L::Ids none = ~typename L::Ids{};
    return L::smallest_id(value == largest ? group : none);
  }
};

}  // namespace
}  // namespace edgehand
