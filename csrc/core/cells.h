// The cells of one map as real numbers, dequantized where they are read, and the refinement of its peak.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/decode.h"
#include "core/map.h"
#include "core/refine.h"

namespace edgehand {

template <class T>
class Cells {
 public:
  Cells(const Map<T>& map, Quantization quantization) : map_(map), quantization_(quantization) {
    if (map.flipped != nullptr) {  // cells are sums of two
      quantization_.zero_point *= 2;
      quantization_.scale *= 0.5F;
    }
  }

  float value(std::size_t y, std::size_t x) const { return real(cell(map_, y, x)); }

  // The keypoint of the peak at cell (y, x), whose value is `peak`.
  Point refine(Method method, std::size_t y, std::size_t x, float peak) const {
    const Point at_cell = {static_cast<float>(x), static_cast<float>(y)};
    if (method == Method::softargmax) return at_cell + softargmax(y, x, peak);
    if (method == Method::parabola) return at_cell + parabola(y, x);
    if (!(peak > 0.0F)) return {-1.0F, -1.0F};
    const bool inner_x = x > 1 && x + 1 < map_.width;
    const bool inner_y = y > 1 && y + 1 < map_.height;
    switch (method) {
      case Method::quarter:
        return at_cell + quarter(y, x, inner_x && y > 0, inner_y && x > 0);
      case Method::quarter_0x:
        return at_cell + quarter(y, x, inner_x && inner_y, inner_x && inner_y);
      case Method::taylor:
        if (inner_x && inner_y && x + 2 < map_.width && y + 2 < map_.height) return at_cell + taylor(y, x, peak);
        return at_cell;
      case Method::udp:
        return at_cell + udp(y, x, peak);
      default:
        return at_cell;
    }
  }

 private:
  template <class Value>
  float real(Value value) const {
    if constexpr (std::is_integral_v<T>) {
      return static_cast<float>(value - quantization_.zero_point) * quantization_.scale;
    } else {
      return value;
    }
  }

  // Reads rows x columns cells whose middle is (y, x); those outside the map are `outside`.
  void read(std::size_t y, std::size_t x, std::size_t rows, std::size_t columns, float outside, float* block,
            std::size_t pitch) const {
    const std::size_t top = y - rows / 2;  // may wrap below zero, far beyond the height
    const std::size_t left = x - columns / 2;
    const bool inside = y >= rows / 2 && x >= columns / 2 && top + rows <= map_.height && left + columns <= map_.width;
    for (std::size_t i = 0; i < rows; ++i, block += pitch) {
      if (inside && map_.flipped == nullptr) {
        const T* row = map_.data + ((top + i) * map_.width + left) * map_.step;
        if (map_.step == 1) {
          for (std::size_t j = 0; j < columns; ++j) block[j] = real(widen(row[j]));
        } else {
          for (std::size_t j = 0; j < columns; ++j) block[j] = real(widen(row[j * map_.step]));
        }
        continue;
      }
      for (std::size_t j = 0; j < columns; ++j) {
        const bool exists = top + i < map_.height && left + j < map_.width;
        block[j] = exists ? value(top + i, left + j) : outside;
      }
    }
  }

  // A quarter of a cell towards the larger neighbour, along the axes that allow it.
  Point quarter(std::size_t y, std::size_t x, bool along_x, bool along_y) const {
    const auto towards = [](auto before, auto after) {
      return 0.25F * static_cast<float>(static_cast<int>(after > before) - static_cast<int>(after < before));
    };
    return {along_x ? towards(cell(map_, y, x - 1), cell(map_, y, x + 1)) : 0.0F,
            along_y ? towards(cell(map_, y - 1, x), cell(map_, y + 1, x)) : 0.0F};
  }

  Point parabola(std::size_t y, std::size_t x) const {
    const float middle = value(y, x);
    const bool inside_x = x > 0 && x + 1 < map_.width;
    const bool inside_y = y > 0 && y + 1 < map_.height;
    return {inside_x ? parabola_vertex(value(y, x - 1), middle, value(y, x + 1)) : 0.0F,
            inside_y ? parabola_vertex(value(y - 1, x), middle, value(y + 1, x)) : 0.0F};
  }

  // The largest cell of a blunt peak need not be its middle, in 8 bits least of all: where the mean lies nearer to
  // another cell, it is taken once more around that one. At half way, where rounding errors would decide, it is not.
  Point softargmax(std::size_t y, std::size_t x, float peak) const {
    const Point first = mean(y, x, peak);
    const auto shift = [](float offset) { return std::trunc(offset + std::copysign(0.49F, offset)); };
    const Point moved = {shift(first.x), shift(first.y)};
    if (moved.x == 0.0F && moved.y == 0.0F) return first;
    return moved + mean(y + static_cast<std::size_t>(static_cast<std::ptrdiff_t>(moved.y)),
                        x + static_cast<std::size_t>(static_cast<std::ptrdiff_t>(moved.x)), peak);
  }

  Point mean(std::size_t y, std::size_t x, float peak) const {
    SoftargmaxBlock block;
    std::fill(std::begin(block) + softargmax_cells, std::end(block), -INFINITY);
    read(y, x, softargmax_rows, softargmax_rows, -INFINITY, block, softargmax_rows);
    return softargmax_offset(block, peak);
  }

  Point taylor(std::size_t y, std::size_t x, float peak) const {
    TaylorBlock block;
    for (auto& row : block) row[taylor_pitch - 1] = 0.0F;
    read(y, x, taylor_rows, taylor_rows, 0.0F, &block[0][0], taylor_pitch);
    TaylorCells cells = blur(block);
    // The scale is at least 1 and drops out of the differences of logarithms unless something is cut off, so only
    // then it is needed, and with it the whole map.
    if (!std::all_of(cells.begin(), cells.end(), [](float value) { return value >= taylor_smallest; })) {
      const float scale = blur_scale(peak);
      for (float& value : cells) {
        value *= scale;
        if (value < taylor_smallest) value = taylor_smallest;
      }
    }
    return newton_step(cells);
  }

  Point udp(std::size_t y, std::size_t x, float peak) const {
    UdpBlock block;
    read(y, x, udp_rows, udp_rows, 0.0F, &block[0][0], udp_rows);
    const std::ptrdiff_t rows[3] = {y > 0 ? -1 : 0, 0, y + 1 < map_.height ? 1 : 0};
    const std::ptrdiff_t columns[3] = {x > 0 ? -1 : 0, 0, x + 1 < map_.width ? 1 : 0};
    UdpCells cells;
    blur(block, rows, columns, cells);
    float* const end = &cells[0][0] + 9;
    // As in `taylor`; the largest scaled value is the peak.
    const bool uncut = std::all_of(&cells[0][0], end, [](float value) { return value >= udp_smallest; });
    if (!uncut || peak > udp_largest) {
      const float scale = blur_scale(peak);
      for (float* value = &cells[0][0]; value != end; ++value) {
        *value = std::min(std::max(*value * scale, udp_smallest), udp_largest);
      }
    }
    return udp_step(cells);
  }

  // What makes the largest value of the blurred map the peak again.
  float blur_scale(float peak) const {
    const std::size_t height = map_.height + 2 * blur_radius;
    const std::size_t width = map_.width + 2 * blur_radius;
    std::vector<float> padded(height * width);
    read(map_.height / 2, map_.width / 2, map_.height, map_.width, 0.0F, &padded[blur_radius * width + blur_radius],
         width);
    return peak / blurred_maximum(padded.data(), map_.height, map_.width);
  }

  Map<T> map_;
  Quantization quantization_;
};

}  // namespace edgehand
