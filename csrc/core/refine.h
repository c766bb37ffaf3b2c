// From the cell of the peak to a position between cells; every kernel shares this code.
#pragma once

#include <cstddef>

#include "core/decode.h"

namespace edgehand {

struct Point {
  float x, y;
};

// Reads cells as real numbers: fills a height x width block whose first cell is (y, x); cells outside are 0.
class Cells {
 public:
  virtual ~Cells() = default;
  virtual void read(std::ptrdiff_t y, std::ptrdiff_t x, std::size_t height, std::size_t width, float* block) const = 0;
  std::size_t height = 0, width = 0;
};

// The keypoint of a peak at cell (x, y) with value `score`.
Point refine(Method method, const Cells& cells, std::size_t x, std::size_t y, float score);

}  // namespace edgehand
