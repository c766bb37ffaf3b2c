// The search in maps that share their cells, on vectors (see lanes.h).
#pragma once

#include <memory>

#include "core/kernels/lanes.h"

namespace edgehand {
namespace {

// Interleaved maps of one pass. As many vectors as there are keypoints hold a whole number of cells: a row. Lane j of
// a row is keypoint j % keypoints, in every row, so that rows are compared as they lie. A group is a few rows; the
// largest of its rows, its summary, is again a row. Eight times as many values of it, compared as they lie, are its
// digest; the cells of a digest are compared by keypoint.
template <class Isa, class T>
class InterleavedPlain {
  using L = Lanes<Isa, T, false>;
  using Lane = typename L::Lane;
  static constexpr std::size_t cells_in_row = L::count;
  static constexpr std::size_t cells_in_digest = smaller(8, cells_in_row);
  static constexpr std::size_t rows_in_group = sizeof(Lane) == 1 ? 8 : 16;

 public:
  static constexpr std::size_t cells_in_group = rows_in_group * cells_in_row;

  InterleavedPlain(const Maps<T>& maps, std::ptrdiff_t* peaks) : maps_(maps), peaks_(peaks) {}

  void search() {
    for (std::size_t number = 0; number < groups_; ++number) summarize(number);
    for (std::size_t keypoint = 0; keypoint < keypoints_; keypoint += L::count) {
      for (std::size_t first = 0; first < groups_; first += L::id_limit) {
        const Best<L> best = best_of_groups(first, keypoint);
        Lane values[L::count];
        typename L::Id groups[L::count];
        std::memcpy(values, &best.value, sizeof values);
        std::memcpy(groups, &best.group, sizeof groups);
        const std::size_t lanes = smaller(L::count, keypoints_ - keypoint);
        for (std::size_t i = 0; i < lanes; ++i) settle(first == 0, keypoint + i, values[i], first + groups[i]);
      }
    }
  }

 private:
  Lane* summary_of(std::size_t number) { return summaries_.get() + number * cells_in_row * keypoints_; }
  Lane* digest_of(std::size_t number) {
    if constexpr (cells_in_row == cells_in_digest) return summary_of(number);
    return digests_.get() + number * cells_in_digest * keypoints_;
  }

  // The last group overlaps the one before.
  std::size_t first_cell(std::size_t number) const {
    return smaller(number * cells_in_group, map_.height * map_.width - cells_in_group);
  }

  void summarize(std::size_t number) {
    const T* data = map_.data + first_cell(number) * keypoints_;
    Lane* summary = summary_of(number);
    for (std::size_t v = 0; v < keypoints_; ++v, data += L::count, summary += L::count) {
      // The next group: the rows are streams too short for the CPU to foresee.
      const T* next = map_.data + (first_cell(number) + cells_in_group) * keypoints_ + v * rows_in_group * L::count;
      for (std::size_t i = 0; i < rows_in_group * L::count; i += 64 / sizeof(T)) __builtin_prefetch(next + i);
      auto largest = L::splat(L::lowest());
      for (std::size_t row = 0; row < rows_in_group; ++row) {
        largest = L::max(L::load(data + row * cells_in_row * keypoints_), largest);
      }
      std::memcpy(summary, &largest, sizeof largest);
    }
    if constexpr (cells_in_row > cells_in_digest) digest(number);
  }

  // The last vector reaches past the digest, into what the next one overwrites.
  void digest(std::size_t number) {
    const Lane* summary = summary_of(number);
    Lane* out = digest_of(number);
    for (std::size_t i = 0; i < cells_in_digest * keypoints_; i += L::count) {
      auto largest = L::load_lanes(summary + i);
      for (std::size_t cell = cells_in_digest; cell < cells_in_row; cell += cells_in_digest) {
        largest = L::max(L::load_lanes(summary + cell * keypoints_ + i), largest);
      }
      std::memcpy(out + i, &largest, sizeof largest);
    }
  }

  // Of groups first .. first + id_limit - 1, for the keypoints from `keypoint` on.
  Best<L> best_of_groups(std::size_t first, std::size_t keypoint) {
    Best<L> best;
    const std::size_t end = smaller(first + L::id_limit, groups_);
    for (std::size_t number = first; number < end; ++number) {
      const Lane* cells = digest_of(number) + keypoint;
      auto largest = L::load_lanes(cells);
      for (std::size_t i = 1; i < cells_in_digest; ++i) {
        largest = L::max(L::load_lanes(cells + i * keypoints_), largest);
      }
      best.update(largest, number - first);
    }
    return best;
  }

  // The lowest cell of a group that has the value; its digest and its summary say in which columns to look.
  void settle(bool is_first, std::size_t keypoint, Lane value, std::size_t number) {
    const Map<T> map = map_of(maps_, keypoint);
    std::ptrdiff_t& peak = peaks_[keypoint];
    if (std::is_floating_point_v<Lane> && value == L::lowest()) {
      // Nothing above -infinity: perhaps nothing but NaN.
      if (is_first) peak = find_peak(map);
      return;
    }
    if (!is_first && peak != no_peak && !(value > widen(map.data[static_cast<std::size_t>(peak) * map.step]))) return;
    const Lane* digest = digest_of(number) + keypoint;
    const Lane* summary = summary_of(number) + keypoint;
    const T* data = map.data + first_cell(number) * keypoints_;
    std::size_t lowest = cells_in_group;
    for (std::size_t i = 0; i < cells_in_digest; ++i) {
      if (digest[i * keypoints_] != value) continue;
      for (std::size_t column = i; column < cells_in_row; column += cells_in_digest) {
        if (summary[column * keypoints_] != value) continue;
        std::size_t cell = column;
        while (widen(data[cell * keypoints_]) != value) cell += cells_in_row;
        lowest = smaller(lowest, cell);
      }
    }
    peak = static_cast<std::ptrdiff_t>(first_cell(number) + lowest);
  }

  const Maps<T>& maps_;
  std::ptrdiff_t* peaks_;
  const Map<T>& map_ = maps_.first;
  std::size_t keypoints_ = map_.step;
  std::size_t groups_ = (map_.height * map_.width + cells_in_group - 1) / cells_in_group;
  // Room for one vector more: the last cell's reach past its keypoints. Not set to 0, which takes time.
  std::unique_ptr<Lane[]> summaries_{new Lane[(groups_ * cells_in_row) * keypoints_ + L::count]};
  std::unique_ptr<Lane[]> digests_{
      cells_in_row > cells_in_digest ? new Lane[groups_ * cells_in_digest * keypoints_ + L::count] : nullptr};
};

// Interleaved maps of two passes: a lane is a keypoint, a group is a few cells of a row. Vectors may reach past
// the last keypoint of a cell into the next cell; those lanes are ignored.
template <class Isa, class T>
class InterleavedMerged {
 public:
  InterleavedMerged(const Maps<T>& maps, std::ptrdiff_t* peaks) : maps_(maps), peaks_(peaks) {}

  void search() const {
    for (std::size_t keypoint = 0; keypoint < map_.step; ++keypoint) peaks_[keypoint] = no_peak;
    for (std::size_t keypoint = 0; keypoint < map_.step; keypoint += most_vectors * L::count) {
      for (std::size_t first = 0; first < map_.height * groups_; first += L::id_limit) search_groups(first, keypoint);
    }
    for (std::size_t keypoint = 0; keypoint < map_.step; ++keypoint) {
      if (peaks_[keypoint] != no_peak) continue;
      // Nothing above -infinity: perhaps nothing but NaN.
      peaks_[keypoint] = find_peak(map_of(maps_, keypoint));
    }
  }

  static constexpr std::size_t group = 8;

 private:
  using L = Lanes<Isa, T, true>;
  static constexpr std::size_t most_vectors = 8;  // of one cell at a time
  static constexpr std::size_t block = 16;        // groups that stay in the first-level cache

  // Groups `first` .. first + id_limit - 1, keypoints `keypoint` .. keypoint + most_vectors * count - 1.
  void search_groups(std::size_t first, std::size_t keypoint) const {
    const std::size_t vectors = smaller((map_.step - keypoint + L::count - 1) / L::count, most_vectors);
    const std::size_t end = smaller(map_.height * groups_, first + L::id_limit);
    Best<L> best[most_vectors];
    for (std::size_t start = first; start < end; start += block) {
      const std::size_t stop = smaller(start + block, end);
      for (std::size_t v = 0; v < vectors; ++v) {
        const std::size_t channel = keypoint + v * L::count;
        const std::size_t safe = smaller(stop, safe_groups(channel));
        Best<L> kept = best[v];
        std::size_t number = start;
        for (; number < safe; ++number) kept.update(largest<false>(number, channel), number - first);
        for (; number < stop; ++number) kept.update(largest<true>(number, channel), number - first);
        best[v] = kept;
      }
    }
    for (std::size_t v = 0; v < vectors; ++v) settle(first, keypoint + v * L::count, best[v]);
  }

  // Groups whose vectors from `channel` on end before the map does.
  std::size_t safe_groups(std::size_t channel) const {
    const std::size_t size = map_.height * map_.width * map_.step;
    const std::size_t cells = size < channel + L::count ? 0 : (size - channel - L::count) / map_.step + 1;
    return cells / map_.width * groups_;
  }

  // Of each lane over the cells of a group.
  template <bool guarded>
  typename L::Vector largest(std::size_t number, std::size_t channel) const {
    const std::size_t y = row_of(number);
    const std::size_t x = column_of(number, y);
    const std::size_t step = map_.step;
    const T* values = map_.data + (y * map_.width + x) * step + channel;
    auto result = L::splat(L::lowest());
    for (std::size_t i = 0; i < group; ++i) {
      result = L::max(value_at<guarded>(values + i * step, y, x + i, channel), result);
    }
    return result;
  }

  // Both passes at cell (y, x), which in the first lies at `values`.
  template <bool guarded>
  typename L::Vector value_at(const T* values, std::size_t y, std::size_t x, std::size_t channel) const {
    const auto value = guarded ? load_guarded(values, map_.data) : L::load(values);
    const std::size_t column = mirrored(map_.width, map_.flip_shift, x);
    const T* others = map_.flipped + (y * map_.width + column) * map_.step + channel;
    return L::merge(value, guarded ? load_guarded(others, map_.flipped) : L::load(others));
  }

  // A vector of which nothing is read that lies past the end of the map.
  typename L::Vector load_guarded(const T* data, const T* map) const {
    const std::size_t left = map_.height * map_.width * map_.step - static_cast<std::size_t>(data - map);
    T values[L::count] = {};
    std::memcpy(values, data, smaller(L::count, left) * sizeof(T));
    return L::load(values);
  }

  // Turns what `best` knows of the groups from `first` on into cells, for the keypoints from `channel` on.
  void settle(std::size_t first, std::size_t channel, const Best<L>& best) const {
    typename L::Lane values[L::count];
    typename L::Id groups[L::count];
    std::memcpy(values, &best.value, sizeof values);
    std::memcpy(groups, &best.group, sizeof groups);
    const std::size_t lanes = smaller(L::count, map_.step - channel);
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      const Map<T> map = map_of(maps_, channel + lane);
      std::ptrdiff_t& peak = peaks_[channel + lane];
      const auto value = values[lane];
      if (std::is_floating_point_v<typename L::Lane> && value == L::lowest()) continue;
      if (peak != no_peak) {
        const auto index = static_cast<std::size_t>(peak);
        if (!(value > cell(map, index / map_.width, index % map_.width))) continue;
      }
      const std::size_t number = first + groups[lane];
      const std::size_t y = row_of(number);
      const std::size_t x = column_of(number, y);
      std::size_t offset = 0;
      for (std::size_t i = group; i-- > 0;) offset = cell(map, y, x + i) == value ? i : offset;
      peak = static_cast<std::ptrdiff_t>(y * map_.width + x + offset);
    }
  }

  std::size_t row_of(std::size_t number) const { return number / groups_; }
  std::size_t column_of(std::size_t number, std::size_t row) const {
    return smaller((number - row * groups_) * group, map_.width - group);
  }

  const Maps<T>& maps_;
  std::ptrdiff_t* peaks_;
  const Map<T>& map_ = maps_.first;
  std::size_t groups_ = (map_.width + group - 1) / group;  // in a row, the last one overlapping
};

template <class Isa, class T>
void interleaved(const Maps<T>& maps, std::ptrdiff_t* peaks) {
  const Map<T>& map = maps.first;
  if (map.flipped == nullptr && map.height * map.width >= InterleavedPlain<Isa, T>::cells_in_group) {
    InterleavedPlain<Isa, T>(maps, peaks).search();
  } else if (map.flipped != nullptr && map.width >= InterleavedMerged<Isa, T>::group) {
    InterleavedMerged<Isa, T>(maps, peaks).search();
  } else {
    search_of<T>(scalar_kernel).interleaved(maps, peaks);
  }
}

}  // namespace
}  // namespace edgehand
